/**
 * Splits growing Markdown into blocks, so that only the tail is read again as it grows. The blocks joined are always the
 * text, and a block keeps its place in the list when it settles.
 */
import { lexer } from 'marked'

export interface Blocks {
  text: string
  settled: readonly string[]
  /** Where the tail that may still change begins. */
  tailAt: number
  tail: readonly string[]
}

/** A list is one block in Markdown; past this size it is split at its items to keep the tail small. */
const largeList = 6000

export const noBlocks: Blocks = { text: '', settled: [], tailAt: 0, tail: [] }

export function advance(before: Blocks, text: string): Blocks {
  const { settled, tailAt } = text.startsWith(before.text) ? before : noBlocks
  const tail = split(text.slice(tailAt))
  // The last two stay open: what follows may join the last block, and a blank line between them is a block as well.
  const done = tail.slice(0, -2)
  return {
    text,
    settled: done.length > 0 ? [...settled, ...done] : settled,
    tailAt: tailAt + done.join('').length,
    tail: tail.slice(-2),
  }
}

function split(text: string): string[] {
  if (isOpenFence(text)) return [text]
  const raws = lexer(text, { gfm: true }).flatMap((token) =>
    token.type === 'list' && token.raw.length > largeList ? itemsOf(token.raw) : [token.raw],
  )
  // The lexer rewrites a few characters (tabs, line ends); then the text is better kept in one piece than changed.
  return raws.join('') === text ? raws : [text]
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
