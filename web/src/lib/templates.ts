/** Texts with places such as `{{name}}`: letters, digits and _, a letter or _ first. The server reads them alike. */
const place = /\{\{\s*([\p{L}_][\p{L}\p{N}_]{0,49})\s*\}\}/gu

/** The names of the places, in the order in which they stand there. */
export function placesOf(text: string): string[] {
  return [...new Set([...text.matchAll(place)].map(([, name]) => name ?? ''))]
}

/** The text with values in its places; in one pass, as what is filled in is no template itself. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(place, (whole, name: string) => values[name] ?? whole)
}

/** What is looked for when a message begins with a slash. */
export function slashQuery(text: string): string | undefined {
  const found = /^\/([^\n/]{0,60})$/.exec(text)
  return found?.[1]?.trim().toLowerCase()
}

/** Those whose name has the words, those that begin with them first. */
export function matching<T extends { name: string }>(items: readonly T[], query: string): T[] {
  const found = items.filter(({ name }) => name.toLowerCase().includes(query))
  const rank = ({ name }: T): number => (name.toLowerCase().startsWith(query) ? 0 : 1)
  return found.sort((a, b) => rank(a) - rank(b))
}
