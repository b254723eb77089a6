/** What the palette offers, and what of it fits what was typed. */
import type { Chat } from '@/api/client'
import type { Hit } from '@/api/search'
import { matching } from '@/lib/templates'
import type { IconName } from '@/ui/icon'

export interface Command {
  name: string
  icon: IconName
  keys?: string
  run: () => void
}

export type Entry =
  | { kind: 'command'; id: string; command: Command }
  | { kind: 'chat'; id: string; chat: Chat }
  | { kind: 'hit'; id: string; hit: Hit }

interface Offered {
  commands: readonly Command[]
  chats: readonly Chat[]
  hits: readonly Hit[]
}

/** So many chats are offered by their title. */
const fewChats = 6

export function entriesFor(words: string, { commands, chats, hits }: Offered): Entry[] {
  const named = chats.map((chat) => ({ name: chat.title, chat }))
  const commandEntries: Entry[] = matching(commands, words).map((command) => ({
    kind: 'command',
    id: `command-${command.name}`,
    command,
  }))
  const chatEntries: Entry[] = matching(named, words)
    .slice(0, fewChats)
    .map(({ chat }) => ({ kind: 'chat', id: `chat-${chat.id}`, chat }))
  const hitEntries: Entry[] = hits.map((hit) => ({ kind: 'hit', id: `hit-${hit.messageId}`, hit }))
  // Without words one looks for something to do; with them, for something that was said.
  return words === '' ? [...commandEntries, ...chatEntries] : [...chatEntries, ...hitEntries, ...commandEntries]
}

export const titles: Record<Entry['kind'], string> = { command: 'Do', chat: 'Chats', hit: 'Messages' }
