/** Times as people say them. */
const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
  ['month', 30 * 86_400_000],
  ['year', 365 * 86_400_000],
]

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })

/** For example "3 hours ago" or "in 2 days". */
export function distance(date: Date, now: Date): string {
  const gap = date.getTime() - now.getTime()
  const [unit, size] = steps.findLast(([, length]) => Math.abs(gap) >= length) ?? ['minute', 60_000]
  const count = Math.trunc(gap / size)
  return count === 0 ? 'just now' : relative.format(count, unit)
}

/** For example "4 s" or "2 min 5 s". */
export function spanOf(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

export function moment(date: Date): string {
  return absolute.format(date)
}

export function timeOf(date: Date): string {
  return clock.format(date)
}

export function dayOf(date: Date): string {
  return day.format(date)
}
