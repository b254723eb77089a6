import { expect, it } from 'vitest'
import { tokensOf } from '@/queries/context'
import type { Facts, Message } from '@/streams/message'

const message = (text: string, usage?: Facts['usage']): Message => ({
  id: text,
  role: 'user',
  parts: [{ type: 'text', text }],
  ...(usage && { metadata: { facts: { usage } as Facts } }),
})

it('counts what the provider counted, and estimates what came after that', () => {
  const counted = message('x'.repeat(4000), { inputTokens: 100, outputTokens: 20 })
  expect(tokensOf([message('x'.repeat(400)), counted, message('x'.repeat(8))], '1234')).toBe(123)
  expect(tokensOf([message('x'.repeat(400))], '')).toBe(100)
})
