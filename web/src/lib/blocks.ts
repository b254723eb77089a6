/**
 * Splits growing Markdown into blocks, so that only the tail is read again as it grows. The blocks joined are always the
 * text, and a block keeps its place in the list when it settles.
 */
import { type Token, lexer } from 'marked'

export interface Block {
  source: string
  /** Of rows of a table: its header, without which they would be a paragraph. The first rows begin with it themselves. */
  head?: string
}

export interface Blocks {
  text: string
  settled: readonly Block[]
  /** Where the tail that may still change begins. */
  tailAt: number
  tail: readonly Block[]
}

/** A list is one block in Markdown; past this size it is split at its items to keep the tail small. */
const largeList = 1500
/** So many rows of a table are a block. */
const rowsTogether = 12

export const noBlocks: Blocks = { text: '', settled: [], tailAt: 0, tail: [] }

export function advance(before: Blocks, text: string): Blocks {
  const { settled, tailAt } = text.startsWith(before.text) ? before : noBlocks
  const tail = split(text.slice(tailAt), tailAt === before.tailAt ? continued(before) : undefined)
  // The last two stay open: what follows may join the last block, and a blank line between them is a block as well.
  const done = tail.slice(0, -2)
  return {
    text,
    settled: done.length > 0 ? [...settled, ...done] : settled,
    tailAt: tailAt + done.reduce((length, { source }) => length + source.length, 0),
    tail: tail.slice(-2),
  }
}

/** The header of the table that goes on in the tail. */
function continued({ settled, tail }: Blocks): string | undefined {
  const head = tail[0]?.head
  return head !== undefined && settled.at(-1)?.head === head && !tail[0]?.source.startsWith(head) ? head : undefined
}

function split(text: string, head: string | undefined): Block[] {
  if (isOpenFence(text)) return [{ source: text }]
  const lead = head ?? ''
  const tokens = lexer(lead + text, { gfm: true })
  const blocks = joinMaths(tokens).flatMap((token, index) => blocksOf(token, index === 0 ? head : undefined))
  // The lexer rewrites a few characters (tabs, line ends); then the text is better kept in one piece than changed.
  return blocks.map(({ source }) => source).join('') === text ? blocks : [{ source: text, ...(head && { head }) }]
}

type Piece = Pick<Token, 'type' | 'raw'>

/** Blank lines and list marks inside displayed maths do not end it. */
function joinMaths(tokens: readonly Piece[]): Piece[] {
  const joined: Piece[] = []
  for (const { type, raw } of tokens) {
    const last = joined.at(-1)
    if (last?.type === 'paragraph' && isOpenMaths(last.raw)) last.raw += raw
    else joined.push({ type, raw })
  }
  return joined
}

function isOpenMaths(source: string): boolean {
  const dollars = source.split('$$').length - 1
  return dollars % 2 === 1 || source.lastIndexOf('\\[') > source.lastIndexOf('\\]')
}

function blocksOf({ type, raw }: Piece, head: string | undefined): Block[] {
  if (type === 'table') return rowsOf(raw, head)
  if (type === 'list' && raw.length > largeList) return itemsOf(raw).map((source) => ({ source }))
  return [{ source: raw }]
}

/** An unfinished fence can be long, and nothing in it is Markdown. */
function isOpenFence(text: string): boolean {
  const fence = /^(`{3,}|~{3,})[^\n]*\n/.exec(text)?.[1]
  if (fence === undefined) return false
  return !new RegExp(`\\n${fence}${fence.charAt(0)}*[ \\t]*(?:\\n|$)`).test(text)
}

function itemsOf(list: string): string[] {
  return list.split(/(?<=\n)(?=(?:[-*+]|\d{1,9}[.)]) )/)
}

/** A header is two lines: the names and the rule below them. */
function rowsOf(table: string, known: string | undefined): Block[] {
  const lines = table.slice(known?.length ?? 0).split(/(?<=\n)/)
  const head = known ?? lines.slice(0, 2).join('')
  const first = rowsTogether + (known === undefined ? 2 : 0)
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at += at === 0 ? first : rowsTogether) {
    blocks.push({ source: lines.slice(at, at === 0 ? first : at + rowsTogether).join(''), head })
  }
  return blocks
}
