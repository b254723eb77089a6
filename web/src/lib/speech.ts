/** What of Markdown is read aloud: its words, without marks, addresses and code. */
export function spoken(markdown: string): string {
  return markdown
    .replace(/^(```|~~~)[\s\S]*?^\1\s*$/gm, ' (code) ')
    .replace(/\$\$[\s\S]*?\$\$|\\\[[\s\S]*?\\\]/g, ' (formula) ')
    .replace(/!\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^\s*\|?[\s:|-]{3,}\|?\s*$/gm, '')
    .replace(/^\s*(#{1,6}|>|[-*+]|\d+\.)\s+(\[[ x]\]\s+)?/gm, '')
    .replace(/[*_`~|]+/g, ' ')
    .replace(/[ \t]+/g, ' ')
    .replace(/\n{2,}/g, '\n')
    .trim()
}

/** Browsers fall silent in the midst of a long text, so it is read in pieces that end where sentences do. */
export function pieces(text: string, size = 200): string[] {
  const sentences = text.match(/[^.!?\n]+[.!?]*\s*|\n+/g) ?? []
  return sentences.reduce<string[]>((all, sentence) => {
    const last = all.at(-1)
    if (last !== undefined && last.length + sentence.length <= size) return [...all.slice(0, -1), last + sentence]
    return [...all, sentence]
  }, [])
}
