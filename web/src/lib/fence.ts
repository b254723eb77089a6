/** A block of code as it stands in Markdown, fence and all. */
export interface Fence {
  code: string
  language: string | undefined
  closed: boolean
}

/** What a block holds that is a fence and nothing else; nothing when it is anything else. */
export function fenceOf(source: string): Fence | undefined {
  const [opening, marks, info] = /^(`{3,}|~{3,})([^\n]*)\n/.exec(source) ?? []
  if (opening === undefined || marks === undefined || info === undefined || info.includes('`')) return undefined
  const body = source.slice(opening.length)
  const closing = new RegExp(`(?:^|\\n)${marks}${marks.charAt(0)}*[ \\t]*\\n*$`).exec(body)
  const language = /^[\w+#.-]+/.exec(info.trim())?.[0].toLowerCase()
  return { code: closing ? body.slice(0, closing.index) : body.replace(/\n$/, ''), language, closed: closing !== null }
}
