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
    { kind: 'reasoning', text: 'Hm', open: true, milliseconds: undefined },
    { kind: 'text', text: 'there' },
  ])
})

it('knows how long the model thought, where the server has said so (EV3)', () => {
  const thought = { type: 'reasoning', text: 'Hm', state: 'done' } as const
  const told = (penstock: Record<string, string | number>) =>
    sectionsOf([{ ...thought, providerMetadata: { penstock } }]).map(
      (each) => 'milliseconds' in each && each.milliseconds,
    )
  expect(told({ durationMs: 4200 })).toEqual([4200])
  expect(told({ durationMs: 'long' })).toEqual([undefined])
  expect(told({})).toEqual([undefined])
})

it('shows the calls that a model asked for where they stand (EV9)', () => {
  const call = { name: 'weather', arguments: '{"city": ' }
  const sections = sectionsOf([
    { type: 'text', text: 'One moment.' },
    { type: 'data-tool-call', id: 'a', data: call },
    { type: 'data-tool-call', id: 'b', data: { name: 'weather' } },
    { type: 'data-tool-call', id: 'c', data: null },
    { type: 'text', text: 'Done.' },
  ])
  expect(sections).toEqual([
    { kind: 'text', text: 'One moment.' },
    { kind: 'call', call },
    { kind: 'text', text: 'Done.' },
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
