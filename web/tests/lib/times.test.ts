import { expect, it } from 'vitest'
import { distance } from '@/lib/times'

const now = new Date('2026-11-20T12:00:00Z')

it.each([
  ['2026-11-20T11:59:30Z', 'just now'],
  ['2026-11-20T11:57:10Z', '2 minutes ago'],
  ['2026-11-20T09:00:00Z', '3 hours ago'],
  ['2026-11-19T11:00:00Z', 'yesterday'],
  ['2026-11-21T00:00:00Z', 'in 12 hours'],
  ['2026-09-01T00:00:00Z', '2 months ago'],
  ['2024-01-01T00:00:00Z', '2 years ago'],
])('says %s as a person would: %s', (date, said) => {
  expect(distance(new Date(date), now)).toBe(said)
})
