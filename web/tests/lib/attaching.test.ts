import { describe, expect, it } from 'vitest'
import { bringsFiles, isTooLongToType, kindOf } from '@/lib/attaching'

describe('what can be attached', () => {
  it.each([
    ['cat.png', 'image/png', 'picture'],
    ['cat.gif', 'image/gif', 'picture'],
    ['notes.md', '', 'text'],
    ['notes.txt', 'text/plain', 'text'],
    ['page.html', 'text/html', 'text'],
    ['data.json', 'application/json', 'text'],
    ['drawing.svg', 'image/svg+xml', undefined],
    ['paper.pdf', 'application/pdf', undefined],
    ['photo.heic', 'image/heic', undefined],
    ['unknown', '', undefined],
  ])('%s of type %s', (name, type, kind) => {
    expect(kindOf({ name, type })).toBe(kind)
  })

  it('takes a pasted text that no message can hold', () => {
    expect(isTooLongToType('12345', '12345', 10)).toBe(false)
    expect(isTooLongToType('123456', '12345', 10)).toBe(true)
  })

  it('tells files from other things that are dragged', () => {
    expect(bringsFiles({ types: ['Files'] })).toBe(true)
    expect(bringsFiles({ types: ['text/plain'] })).toBe(false)
    expect(bringsFiles(null)).toBe(false)
  })
})
