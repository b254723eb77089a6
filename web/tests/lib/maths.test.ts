import { describe, expect, it } from 'vitest'
import { hasMaths, normalise } from '@/lib/maths'

describe('normalise', () => {
  it.each([
    ['Let $x_1$ be.', 'Let $$x_1$$ be.'],
    ['Let \\(a+b\\) be.', 'Let $$a+b$$ be.'],
    ['So \\[ e = mc^2 \\] holds', 'So \n\n$$\ne = mc^2\n$$\n\n holds'],
    ['$$\na\n$$', '\n\n$$\na\n$$\n\n'],
    ['So\n$$ a = b $$\nholds', 'So\n\n\n$$\na = b\n$$\n\n\nholds'],
    ['So $$a$$ holds', 'So $$a$$ holds'],
    ['It costs $5, then $10.', 'It costs $5, then $10.'],
    ['From $5 to $10 and US$3', 'From $5 to $10 and US$3'],
    ['`$a$` and ``\\(b\\)``', '`$a$` and ``\\(b\\)``'],
    ['An unfinished $x', 'An unfinished $x'],
    ['An escaped \\$x\\$', 'An escaped \\$x\\$'],
  ])('makes of %j', (source, expected) => {
    expect(normalise(source)).toBe(expected)
  })
})

it('sees where maths may be', () => {
  expect(hasMaths('plain text')).toBe(false)
  expect(hasMaths('a \\(b\\)')).toBe(true)
})
