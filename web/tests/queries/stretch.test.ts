import { describe, expect, it } from 'vitest'
import type { MessagePage } from '@/api/client'
import { extended, joined, stretchOf } from '@/queries/stretch'
import type { Message } from '@/streams/message'

function messages(ids: string): Message[] {
  return Array.from(ids, (id) => ({ id, role: 'user', parts: [] }))
}

function page(ids: string, nextCursor: string | null, previousCursor: string | null): MessagePage {
  return { items: messages(ids) as unknown as MessagePage['items'], nextCursor, previousCursor, leafId: 'z' }
}

const idsOf = (found: readonly Message[] | undefined): string | undefined => found?.map(({ id }) => id).join('')

it('grows on both sides, each with a cursor of its own', () => {
  const stretch = stretchOf(page('ef', 'd', 'g'), undefined)
  const longer = extended(extended(stretch, 'earlier', page('cd', 'b', 'e')), 'later', page('gh', 'f', null))
  expect(idsOf(longer.messages)).toBe('cdefgh')
  expect([longer.earlier, longer.later]).toEqual(['b', undefined])
})

describe('what is older and the end of the chat', () => {
  it.each([
    ['abcd', 'cdef', 'abcdef'],
    ['abcdef', 'cd', 'abcd'],
    ['cd', 'abcdef', 'cdef'],
    ['abcd', 'd', 'abcd'],
  ])('meet on one path: %s and %s', (older, shown, both) => {
    expect(idsOf(joined(messages(older), messages(shown)))).toBe(both)
  })

  it.each([
    ['ab', 'cd'],
    ['abxy', 'abcd'],
    ['ab', ''],
  ])('do not meet: %s and %s', (older, shown) => {
    expect(joined(messages(older), messages(shown))).toBeUndefined()
  })
})
