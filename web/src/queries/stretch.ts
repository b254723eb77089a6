/** Part of a chat: what stands around a message that lies far from the end, or on a branch that is not chosen. */
import type { MessagePage } from '@/api/client'
import type { Message } from '@/streams/message'
import { toMessage } from './messages'

export interface Stretch {
  /** Never empty: one of them was looked for. */
  messages: Message[]
  /** Leads to messages older than these. */
  earlier: string | undefined
  /** Leads to messages newer than these. */
  later: string | undefined
  /** The last message of its branch, where another one is chosen. */
  aside: string | undefined
}

export type Side = 'earlier' | 'later'

export function stretchOf(page: MessagePage, aside: string | undefined): Stretch {
  return {
    messages: page.items.map(toMessage),
    earlier: page.nextCursor ?? undefined,
    later: page.previousCursor ?? undefined,
    aside,
  }
}

/** Longer by the page that lies on one side of it. */
export function extended(stretch: Stretch, side: Side, page: MessagePage): Stretch {
  const more = page.items.map(toMessage)
  return side === 'earlier'
    ? { ...stretch, messages: [...more, ...stretch.messages], earlier: page.nextCursor ?? undefined }
    : { ...stretch, messages: [...stretch.messages, ...more], later: page.previousCursor ?? undefined }
}

/** The older messages with those at the end of the chat behind them; undefined where they do not meet on one path. */
export function joined(older: readonly Message[], shown: readonly Message[]): Message[] | undefined {
  const places = new Map(shown.map(({ id }, place) => [id, place]))
  const first = older.findIndex(({ id }) => places.has(id))
  const rest = shown.slice(places.get(older[first]?.id ?? '') ?? shown.length)
  const meet = first !== -1 && older.slice(first).every(({ id }, place) => (rest[place]?.id ?? id) === id)
  return meet ? [...older.slice(0, first), ...rest] : undefined
}
