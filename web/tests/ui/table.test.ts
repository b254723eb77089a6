import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { expect, it, vi } from 'vitest'
import { columnsOf } from '@/ui/table'

vi.stubGlobal('location', { origin: 'http://localhost' })
const { default: Markdown } = await import('@/ui/markdown')

const rows = 50
const text = `| a | b |\n|---|--:|\n${Array.from({ length: rows }, (_, index) => `| ${String(index)} | *some* words |\n`).join('')}`
const shown = renderToStaticMarkup(createElement(Markdown, { text, growing: true }))
const count = (part: string): number => shown.split(part).length - 1

it('tells a table of many pieces as one, whatever its parts are laid out as', () => {
  expect(count('<tbody role="rowgroup">')).toBeGreaterThan(3)
  expect(count('role="table"')).toBe(1)
  expect(count('role="columnheader"')).toBe(2)
  expect(count('role="row"')).toBe(rows + 1)
  expect(count('role="cell"')).toBe(rows * 2)
})

it('keeps how a column is aligned when its cells ask for its width', () => {
  expect(count('style="text-align:right;width:var(--column-1)"')).toBe(rows + 1)
})

it('is as wide as its columns together', () => {
  expect(columnsOf([120.5, 80])).toEqual({ width: '200.5px', '--column-0': '120.5px', '--column-1': '80px' })
})
