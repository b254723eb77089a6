import { afterEach, expect, it } from 'vitest'
import { chooseSingleKeys, taskOf } from '@/lib/keys'

const press = (key: string, held: object = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...held,
})

afterEach(() => {
  chooseSingleKeys(true)
})

it('opens the palette everywhere, with either modifier', () => {
  expect(taskOf(press('k', { ctrlKey: true }), true)).toBe('palette')
  expect(taskOf(press('K', { metaKey: true }), false)).toBe('palette')
  expect(taskOf(press('k', { ctrlKey: true, altKey: true }), false)).toBeUndefined()
  expect(taskOf(press('O', { ctrlKey: true, shiftKey: true }), true)).toBe('new')
})

it('takes single keys only while nothing is typed, and not once they are switched off', () => {
  expect(taskOf(press('?', { shiftKey: true }), false)).toBe('help')
  expect(taskOf(press('/'), false)).toBe('compose')
  expect(taskOf(press('?'), true)).toBeUndefined()
  chooseSingleKeys(false)
  expect(taskOf(press('?'), false)).toBeUndefined()
})
