import { expect, it } from 'vitest'
import { costOf, linesOf, seconds } from '@/features/chat/recording'
import type { Facts } from '@/streams/message'

const facts: Facts = {
  versionIds: ['a'],
  besideId: null,
  reactions: [],
  rating: null,
  ratingReason: null,
  record: null,
  usage: null,
  settings: {},
  createdAt: '2026-11-21T08:00:00Z',
  completedAt: null,
}

it('tells of an answer what is known and nothing else', () => {
  const names = linesOf({ model: 'house/best' }, facts, 'stopped').map(({ name }) => name)
  expect(names).toEqual(['Model', 'Ended', 'Asked'])
})

it('tells who was asked instead, with whose key, and what it took', () => {
  const record = {
    model: 'openai/small',
    provider: 'openai',
    keySource: 'own' as const,
    route: 'route/best',
    reason: 'rate_limited',
    firstTokenMs: 0,
    totalMs: 4200,
    cost: 0.0012,
  }
  const made = { ...facts, record, usage: { inputTokens: 1200, outputTokens: 1 }, settings: { temperature: 0.2 } }
  const told = Object.fromEntries(linesOf({}, made, 'completed').map(({ name, value }) => [name, value]))
  expect(told).toMatchObject({
    Model: 'openai/small',
    Route: 'route/best',
    'Instead of the first, for': 'rate limited',
    Key: 'Yours',
    Written: '1 token',
    Cost: '$0.0012',
    'First word after': '0 ms',
    Took: '4.2 s',
    Temperature: '0.2',
  })
})

it('says what an answer cost as far as that is known', () => {
  expect([null, 0, 0.00001, 0.0123, 2.5].map(costOf)).toEqual([
    'Not known',
    'Nothing',
    'Less than $0.0001',
    '$0.0123',
    '$2.50',
  ])
  expect(seconds(999)).toBe('999 ms')
})
