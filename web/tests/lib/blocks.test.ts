import { describe, expect, it } from 'vitest'
import { type Blocks, advance, noBlocks } from '@/lib/blocks'

const fence = '```'
const documents: Record<string, string> = {
  prose: 'One.\n\nTwo *and* three.\n\n# Head\n\nFour.',
  code: `Before\n\n${fence}py\nprint(1)\n\n# not a head\n${fence}\n\nAfter`,
  'open code': `Before\n\n${fence}py\nprint(1)\n\nstill code`,
  'code in code': `${fence}${fence}md\n${fence}js\nx\n${fence}\n${fence}${fence}\n\nend`,
  list: '- a\n- b\n\n  more b\n- c\n\n1. x\n2. y\n',
  'long list': Array.from({ length: 200 }, (_, index) => `- item ${index} with some words in it\n`).join(''),
  table: '| a | b |\n|---|--:|\n| 1 | 2 |\n| 3 | 4 |\n\nText',
  'long table': `| a | b |\n|---|--:|\n${Array.from({ length: 90 }, (_, index) => `| ${index} | some *words* |\n`).join('')}\nAfter\n\n| c |\n|---|\n| 1 |\n`,
  maths: 'Before\n\n$$\na\n\n- b\n$$\n\nAfter\n\n\\[\nx\n\ny\n\\]\n\nEnd',
  quote: '> one\n> two\n\n> three\n',
  html: '<div>\n\n*x*\n\n</div>\n\ntext',
  tabs: '-\tone\n-\ttwo\n\n\tcode\n',
  'windows lines': 'a\r\n\r\nb\r\n',
}

const joined = ({ settled, tail }: Blocks): string => [...settled, ...tail].map(({ source }) => source).join('')

describe.each(Object.entries(documents))('%s', (_name, text) => {
  it.each([1, 3, 17, 1000])('keeps the whole text in steps of %i', (step) => {
    let blocks = noBlocks
    for (let end = step; end < text.length + step; end += step) {
      const before = blocks.settled
      blocks = advance(blocks, text.slice(0, end))
      expect(joined(blocks)).toBe(text.slice(0, end))
      expect(blocks.settled.slice(0, before.length)).toEqual(before)
    }
  })
})

it('settles what can no longer change', () => {
  const { settled, tail } = advance(noBlocks, documents.prose ?? '')
  expect(joined({ settled, tail: [], text: '', tailAt: 0 }).trim()).toBe('One.\n\nTwo *and* three.\n\n# Head')
  expect(joined({ settled: [], tail, text: '', tailAt: 0 }).trim()).toBe('Four.')
})

it('splits a long list at its items', () => {
  expect(advance(noBlocks, documents['long list'] ?? '').settled.length).toBeGreaterThan(150)
})

it('begins anew when the text is another one', () => {
  const other = advance(advance(noBlocks, 'One.\n\nTwo.\n\nThree.\n\nFour.'), 'Other.')
  expect(joined(other)).toBe('Other.')
})

it('keeps the rows of a long table together with its header', () => {
  const text = documents['long table'] ?? ''
  let blocks = noBlocks
  for (let end = 50; end < text.length; end += 50) blocks = advance(blocks, text.slice(0, end))
  const rows = blocks.settled.filter(({ head }) => head?.startsWith('| a |'))
  expect(rows.length).toBeGreaterThan(6)
  expect(rows.every(({ source }) => source.split('\n').length < 20)).toBe(true)
})

it('keeps displayed maths in one block', () => {
  const { settled } = advance(noBlocks, documents.maths ?? '')
  expect(settled.map(({ source }) => source)).toContain('$$\na\n\n- b\n$$')
})
