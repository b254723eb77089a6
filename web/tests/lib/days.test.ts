import { expect, it } from 'vitest'
import { groupByDay } from '@/lib/days'

it('groups by what the reader would call the day', () => {
  const now = new Date(2026, 10, 20, 9)
  const dates = [
    new Date(2026, 10, 20, 0, 1),
    new Date(2026, 10, 19, 23, 59),
    new Date(2026, 10, 14, 12),
    new Date(2026, 9, 1),
  ]
  const groups = groupByDay(dates, (date) => date.toISOString(), now)
  expect(groups.map(({ heading, items }) => [heading, items.length])).toEqual([
    ['Today', 1],
    ['Yesterday', 1],
    ['Last seven days', 1],
    ['Earlier', 1],
  ])
})
