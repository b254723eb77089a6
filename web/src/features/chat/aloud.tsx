import { useEffect, useSyncExternalStore } from 'react'
import { Signal } from '@/lib/signal'
import { pieces, spoken } from '@/lib/speech'
import { ToolButton } from '@/ui/copy'

/** The message that is being read aloud; there is one voice. */
const reading = new Signal<string | undefined>(undefined)

const canSpeak = 'speechSynthesis' in globalThis

function stop(): void {
  reading.set(undefined)
  speechSynthesis.cancel()
}

function read(messageId: string, text: string): void {
  speechSynthesis.cancel()
  reading.set(messageId)
  const parts = pieces(spoken(text))
  for (const [index, part] of parts.entries()) {
    const utterance = new SpeechSynthesisUtterance(part)
    const isLast = index === parts.length - 1
    // What is cancelled ends with an error as well, when another message may be read already.
    utterance.onerror = () => {
      if (reading.get() === messageId) stop()
    }
    if (isLast) {
      utterance.onend = () => {
        if (reading.get() === messageId) reading.set(undefined)
      }
    }
    speechSynthesis.speak(utterance)
  }
}

/** Reads an answer aloud, with the voice of the browser. */
export function Aloud({ messageId, text }: { messageId: string; text: () => string }) {
  const isReading = useSyncExternalStore(reading.subscribe, reading.get) === messageId
  useEffect(
    () => () => {
      if (reading.get() === messageId) stop()
    },
    [messageId],
  )
  if (!canSpeak) return null
  return (
    <ToolButton
      icon="speaker"
      label={isReading ? 'Stop reading' : 'Read aloud'}
      pressed={isReading}
      testId="aloud"
      onClick={() => {
        if (isReading) stop()
        else read(messageId, text())
      }}
    />
  )
}
