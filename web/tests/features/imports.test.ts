import { expect, it } from 'vitest'
import type { Import } from '@/api/transfer'
import { outcomeOf, sourceOf } from '@/features/settings/imports'

const item: Import = {
  id: 'i',
  status: 'checking',
  source: null,
  size: 1,
  total: null,
  done: 0,
  created: 0,
  error: null,
  createdAt: '2026-11-21T08:00:00Z',
  endedAt: null,
}

it('says of an import how far it has come and what has come of it', () => {
  expect(sourceOf(item)).toBe('A file')
  expect(sourceOf({ ...item, source: 'open-webui' })).toBe('From Open WebUI')
  expect(outcomeOf({ ...item, status: 'storing', done: 3, total: 10 })).toBe('3 of 10 chats are in.')
  expect(outcomeOf({ ...item, status: 'completed', done: 3, created: 1 })).toBe(
    'One chat is new here; 2 were here already.',
  )
  expect(outcomeOf({ ...item, status: 'completed', done: 2, created: 2 })).toBe('2 chats are new here.')
})
