import { expect, it } from 'vitest'
import { remark } from '@/features/chat/outcome'
import { sectionsOf } from '@/features/chat/sections'

it('joins texts with only step starts between them (MS3)', () => {
  const sections = sectionsOf([
    { type: 'step-start' },
    { type: 'text', text: 'Once upon ' },
    { type: 'step-start' },
    { type: 'text', text: 'a time' },
    { type: 'reasoning', text: 'Hm', state: 'streaming' },
    { type: 'text', text: 'there' },
  ])
  expect(sections).toEqual([
    { kind: 'text', text: 'Once upon a time' },
    { kind: 'reasoning', text: 'Hm', open: true },
    { kind: 'text', text: 'there' },
  ])
})

it('leaves empty parts out', () => {
  expect(sectionsOf([{ type: 'text', text: '' }])).toEqual([])
})

it('repeats what the server says about a failure', () => {
  const error = { code: 'x', message: 'The key was refused.', retryable: false }
  expect(remark('failed', { error })).toBe('The key was refused.')
  expect(remark('failed', { error: { ...error, message: '' } })).toBe('The answer could not be completed.')
})

it('is silent about an answer that simply ended', () => {
  expect(remark('completed', { finishReason: 'stop' })).toBeUndefined()
  expect(remark('streaming', {})).toBeUndefined()
})

it('says that an answer was cut at its greatest length', () => {
  expect(remark('completed', { finishReason: 'length' })).toMatch(/length/)
})
