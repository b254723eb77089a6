import type { Message } from '@/streams/message'

/** What a reader sees of a message's parts. */
export type Section = { kind: 'text'; text: string } | { kind: 'reasoning'; text: string; open: boolean }

/** MS3: neighbouring texts with nothing but step starts between them are one text. */
export function sectionsOf(parts: Message['parts']): Section[] {
  const sections: Section[] = []
  for (const part of parts) {
    const last = sections.at(-1)
    if (part.type === 'reasoning') {
      sections.push({ kind: 'reasoning', text: part.text, open: part.state === 'streaming' })
    } else if (part.type === 'text') {
      if (last?.kind === 'text') last.text += part.text
      else sections.push({ kind: 'text', text: part.text })
    }
  }
  return sections.filter(({ text }) => text !== '')
}
