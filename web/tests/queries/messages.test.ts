import { expect, it } from 'vitest'
import { hold, merge } from '@/queries/messages'
import type { Message } from '@/streams/message'

function message(id: string, text = id): Message {
  return { id, role: 'assistant', parts: [{ type: 'text', text }] }
}

const ids = (messages: Message[]): string[] => messages.map(({ id }) => id)

it('keeps what was on the screen until a replay has caught up', () => {
  const held = message('m', 'Once upon')
  expect(hold([message('m', '')], held)[0]?.parts).toBe(held.parts)
  const caughtUp = [message('m', 'Once upon a')]
  expect(hold(caughtUp, held)[0]).toBe(caughtUp[0])
  expect(hold(caughtUp, undefined)).toBe(caughtUp)
})

it('keeps older pages before the stored page and replaces the rest', () => {
  const shown = [message('1'), message('2'), message('3', 'old'), message('local')]
  const stored = [message('3', 'new'), message('4')]
  const merged = merge(shown, stored, undefined)
  expect(ids(merged)).toEqual(['1', '2', '3', '4'])
  expect(merged[2]).toBe(stored[0])
})

it('keeps a message that could not be sent, unless the server has it after all', () => {
  const shown = [message('1'), message('failed')]
  expect(ids(merge(shown, [message('1')], 'failed'))).toEqual(['1', 'failed'])
  const arrived: Message = { ...message('u7', 'failed'), role: 'user' }
  expect(ids(merge(shown, [message('1'), arrived], 'failed'))).toEqual(['1', 'u7'])
})

it('takes the stored page alone when the two have nothing in common', () => {
  expect(ids(merge([message('1')], [message('8'), message('9')], undefined))).toEqual(['8', '9'])
})
