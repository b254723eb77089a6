import { useState } from 'react'
import type { ChatDetail } from '@/api/client'
import { type Settings, settingsFrom } from '@/lib/settings'
import { passing } from '@/lib/storage'
import type { Message } from '@/streams/message'
import { useChangeChat } from './chats'

/** The settings of what is about to be asked somewhere; a reload keeps them. */
export function useDraftSettings(name: string) {
  const [chosen, setChosen] = useState(() => readSettings(name))
  const choose = (settings: Settings): void => {
    setChosen(settings)
    writeSettings(name, settings)
  }
  return { settings: chosen ?? {}, chosen, choose }
}

/** The settings of a chat: those that were chosen for it, else those of its last answer. What is chosen is stored. */
export function useChatSettings(chatId: string, chat: ChatDetail | undefined, messages: readonly Message[]) {
  const { chosen, choose: keep } = useDraftSettings(chatId)
  const { mutate: change } = useChangeChat()
  const own = settingsFrom(chat && { ...chat.settings, systemPrompt: chat.systemPrompt })
  const last = messages.findLast(({ metadata }) => metadata?.facts && metadata.model !== undefined)?.metadata?.facts
  const choose = (settings: Settings): void => {
    keep(settings)
    const { systemPrompt = null, ...others } = settings
    change({ chatId, changes: { settings: others, systemPrompt } })
  }
  return { settings: chosen ?? (Object.keys(own).length > 0 ? own : settingsFrom(last?.settings)), choose }
}

function readSettings(name: string): Settings | undefined {
  const kept = passing.read(`draft.settings.${name}`)
  return kept === null ? undefined : settingsFrom(JSON.parse(kept))
}

export function writeSettings(name: string, settings: Settings | undefined): void {
  passing.write(`draft.settings.${name}`, settings === undefined ? null : JSON.stringify(settings))
}
