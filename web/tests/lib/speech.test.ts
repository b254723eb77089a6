import { expect, it } from 'vitest'
import { pieces, spoken } from '@/lib/speech'

it('reads the words of Markdown and none of its marks', () => {
  const text =
    '# Levels\n\nIt **costs** `5` ([see](https://example.org)).\n\n- [x] one\n- two\n\n```py\nx = 1\n```\n\n| A | B |\n| --- | --: |\n| 1 | 2 |'
  expect(spoken(text).replace(/\s+/g, ' ')).toBe('Levels It costs 5 (see). one two (code) A B 1 2')
})

it('reads in pieces that end where sentences do, and leaves nothing out', () => {
  const text = 'One. Two! Three? Four\nFive'
  expect(pieces(text, 10).join('')).toBe(text)
  expect(pieces(text, 10)[0]).toBe('One. Two! ')
  expect(pieces('')).toEqual([])
})
