import { expect, it } from 'vitest'
import { fenceOf } from '@/lib/fence'

it('knows code and its language', () => {
  expect(fenceOf('```py\nprint(1)\n```\n')).toEqual({ code: 'print(1)', language: 'py', closed: true })
  expect(fenceOf('~~~\na\n\nb\n~~~')).toEqual({ code: 'a\n\nb', language: undefined, closed: true })
  expect(fenceOf('````md\n```\nx\n```\n````')).toEqual({ code: '```\nx\n```', language: 'md', closed: true })
  expect(fenceOf('```\n```')).toEqual({ code: '', language: undefined, closed: true })
})

it('knows code that is still growing', () => {
  expect(fenceOf('```C++ title="a"\nint main()\n')).toEqual({ code: 'int main()', language: 'c++', closed: false })
})

it('leaves everything else', () => {
  expect(fenceOf('`code`')).toBeUndefined()
  expect(fenceOf('```a`b\n')).toBeUndefined()
  expect(fenceOf('text\n```\n')).toBeUndefined()
})
