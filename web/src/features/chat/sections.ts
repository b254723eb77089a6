import { type Message, type ToolCall, callOf, durationOf } from '@/streams/message'

/** What a reader sees of a message's parts. */
export type Section =
  | { kind: 'text'; text: string }
  | { kind: 'reasoning'; text: string; open: boolean; milliseconds: number | undefined }
  | { kind: 'call'; call: ToolCall }

/** MS3: neighbouring texts with nothing but step starts between them are one text. */
export function sectionsOf(parts: Message['parts']): Section[] {
  const sections: Section[] = []
  for (const part of parts) {
    const last = sections.at(-1)
    if (part.type === 'reasoning') {
      sections.push({
        kind: 'reasoning',
        text: part.text,
        open: part.state === 'streaming',
        milliseconds: durationOf(part),
      })
    } else if (part.type === 'text') {
      if (last?.kind === 'text') last.text += part.text
      else sections.push({ kind: 'text', text: part.text })
    } else if (part.type === 'data-tool-call') {
      const call = callOf(part.data)
      if (call) sections.push({ kind: 'call', call })
    }
  }
  return sections.filter((section) => section.kind === 'call' || section.text !== '')
}
