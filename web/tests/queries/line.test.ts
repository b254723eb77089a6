import { expect, it } from 'vitest'
import type { Message } from '@/api/client'
import { splitLine } from '@/queries/messages'

function message(id: string, role: 'user' | 'assistant', parentId: string | null, runId: string | null): Message {
  const parts = [{ type: 'text', text: `text of ${id}` }]
  const status = role === 'user' ? 'completed' : 'pending'
  const none = {
    settings: {},
    record: null,
    model: null,
    finishReason: null,
    usage: null,
    error: null,
    completedAt: null,
    reactions: [],
    rating: null,
    ratingReason: null,
    versionIds: [id],
    besideId: null,
  }
  return { ...none, id, role, parts, status, parentId, runId, createdAt: '2026-01-01T00:00:00Z' }
}

it('tells what stands in line from what is said', () => {
  const stored = [
    message('q1', 'user', null, null),
    message('a1', 'assistant', 'q1', 'r1'),
    message('q2', 'user', 'a1', null),
    message('a2', 'assistant', 'q2', 'r2'),
  ]
  const { told, waiting } = splitLine(stored, ['r2'])
  expect(told.map(({ id }) => id)).toEqual(['q1', 'a1'])
  expect(waiting).toEqual([{ id: 'a2', text: 'text of q2', runId: 'r2' }])
  expect(splitLine(stored, []).told).toHaveLength(4)
})
