/** Colours of code: which part of it has which role, told by a grammar. Apart, as pages without code need none of it. */
import type { Tree } from '@lezer/common'
import { classHighlighter, highlightTree } from '@lezer/highlight'
import { grammarOf } from './languages'

export interface Span {
  text: string
  role: string
}

/** So long may the reading of code keep the page from anything else, in milliseconds. */
const slice = 12

/** Reads code in slices while the page has nothing else to do. Undefined when there is no grammar, or nobody waits any more. */
export async function read(code: string, language: string | undefined, signal: AbortSignal): Promise<Tree | undefined> {
  const load = grammarOf(language)
  if (!load) return undefined
  const reading = (await load()).startParse(code)
  for (;;) {
    await idle()
    if (signal.aborted) return undefined
    const until = performance.now() + slice
    while (performance.now() < until) {
      const tree = reading.advance()
      if (tree) return tree
    }
  }
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    // Safari has no idle callbacks.
    if ('requestIdleCallback' in window)
      requestIdleCallback(
        () => {
          resolve()
        },
        { timeout: 1000 },
      )
    else setTimeout(resolve, 50)
  })
}

/** The parts of a stretch of code that has been read. */
export function spansOf(tree: Tree, code: string, from: number, to: number): Span[] {
  const spans: Span[] = []
  let at = from
  const put = (end: number, role: string): void => {
    if (end > at) spans.push({ text: code.slice(at, end), role })
    at = Math.max(at, end)
  }
  highlightTree(
    tree,
    classHighlighter,
    (start, end, roles) => {
      put(Math.max(from, start), '')
      put(Math.min(to, end), roles)
    },
    from,
    to,
  )
  put(to, '')
  return spans
}
