import { useState } from 'react'
import { type Settings, settingsFrom } from '@/lib/settings'
import { passing } from '@/lib/storage'
import type { Message } from '@/streams/message'

/** The settings of a chat are those of its last answer, until somebody chooses others. */
export function useChatSettings(name: string, messages: readonly Message[]) {
  const [chosen, setChosen] = useState(() => readSettings(name))
  const stored = messages.findLast(({ metadata }) => metadata?.facts && metadata.model !== undefined)?.metadata?.facts
  const choose = (settings: Settings): void => {
    setChosen(settings)
    writeSettings(name, settings)
  }
  return { settings: chosen ?? settingsFrom(stored?.settings), choose }
}

function readSettings(name: string): Settings | undefined {
  const kept = passing.read(`draft.settings.${name}`)
  return kept === null ? undefined : settingsFrom(JSON.parse(kept))
}

export function writeSettings(name: string, settings: Settings | undefined): void {
  passing.write(`draft.settings.${name}`, settings === undefined ? null : JSON.stringify(settings))
}
