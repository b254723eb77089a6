/** When a link ends. */
export const endings = [
  { value: '30', name: 'In 30 days' },
  { value: '7', name: 'In 7 days' },
  { value: '1', name: 'Tomorrow' },
  { value: 'never', name: 'Never' },
] as const

const day = 86_400_000

export function endOf(ending: string, now: Date): string | null {
  return ending === 'never' ? null : new Date(now.getTime() + Number(ending) * day).toISOString()
}
