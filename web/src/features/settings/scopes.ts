/** What tokens may do and how long they last, in words for the forms. */
import type { Token } from '@/api/client'

export const scopes = [
  { value: 'chat', name: 'Read and write' },
  { value: 'read', name: 'Only read' },
] as const

export const expiries = [
  { value: '30', name: 'In 30 days' },
  { value: '90', name: 'In 90 days' },
  { value: '365', name: 'In a year' },
  { value: 'never', name: 'Never' },
] as const

/** Who may ask may read as well. */
export function scopesOf(value: string): Token['scopes'] {
  return [value === 'read' ? 'read' : 'chat']
}

export function scopeOf(held: Token['scopes']): string {
  return held.includes('chat') ? 'reads and writes' : 'only reads'
}

/** The end of a token as the server takes it, or null for one without end. */
export function expiryOf(value: string, now: Date): string | null {
  if (value === 'never') return null
  return new Date(now.getTime() + Number(value) * 86_400_000).toISOString()
}
