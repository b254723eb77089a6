/**
 * Models write maths in four ways: `\(x\)`, `\[x\]`, `$x$` and `$$x$$`. All become the last one here, which no price is ever
 * mistaken for; code is left alone.
 */
const code = /(`+)(?!`)[^]*?[^`]\1(?!`)/
const display = /\\\[([^]+?)\\\]/
const inline = /\\\(([^]+?)\\\)/
const doubled = /\$\$([^]+?)\$\$/
/** As in Pandoc: no space inside the dollars, no digit behind them; "from $5 to $10" is not maths. */
const dollars = /(?<![\\$\w])\$(?![\s$])((?:[^$\n\\]|\\[^])*?[^\s$\\])\$(?![\d$\w])/
const any = new RegExp([code, display, inline, doubled, dollars].map(({ source }) => `(?:${source})`).join('|'), 'g')

/** Whether there may be maths in it. */
export function hasMaths(source: string): boolean {
  return /\$|\\[([]/.test(source)
}

export function normalise(source: string): string {
  return source.replace(any, (found, ...groups) => {
    const [, shown, within, either, between, at] = groups as (string | undefined)[] & { 5: number }
    const isAlone = either !== undefined && isOnLines(source, at, found)
    const displayed = shown ?? (isAlone ? either : undefined)
    if (displayed !== undefined) return `\n\n$$\n${displayed.trim()}\n$$\n\n`
    const text = within ?? either ?? between
    return text === undefined ? found : `$$${text.trim()}$$`
  })
}

/** Whether nothing else stands on its lines. */
function isOnLines(source: string, at: number, found: string): boolean {
  return /(?:^|\n)[ \t]*$/.test(source.slice(0, at)) && /^[ \t]*(?:\n|$)/.test(source.slice(at + found.length))
}
