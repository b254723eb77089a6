import { useEffect, useRef, useState } from 'react'
import { Icon } from '@/ui/icon'

/** What of the Web Speech API is used; the DOM types leave it out, as not all browsers have it. */
interface Recognition extends EventTarget {
  continuous: boolean
  interimResults: boolean
  lang: string
  onresult: ((event: { results: ArrayLike<ArrayLike<{ transcript: string }>> }) => void) | null
  onerror: ((event: { error: string }) => void) | null
  onend: (() => void) | null
  start: () => void
  stop: () => void
}

type Recogniser = new () => Recognition

const { SpeechRecognition, webkitSpeechRecognition } = globalThis as {
  SpeechRecognition?: Recogniser
  webkitSpeechRecognition?: Recogniser
}
const Recogniser = SpeechRecognition ?? webkitSpeechRecognition

const refusals: Record<string, string> = {
  'not-allowed': 'The browser does not allow the microphone here.',
  'audio-capture': 'There is no microphone.',
  network: 'The browser cannot reach what recognises its speech.',
}

interface VoiceProps {
  text: string
  onText: (text: string) => void
}

/** Writes what is said, where the browser can hear. */
export function Voice({ text, onText }: VoiceProps) {
  const [listening, setListening] = useState(false)
  const [trouble, setTrouble] = useState<string>()
  const recognition = useRef<Recognition>(undefined)
  useEffect(() => () => recognition.current?.stop(), [])
  if (!Recogniser) return null
  const start = (): void => {
    const hearing = new Recogniser()
    const before = text === '' || /\s$/.test(text) ? text : `${text} `
    recognition.current = hearing
    hearing.continuous = true
    hearing.interimResults = true
    hearing.lang = navigator.language
    hearing.onresult = ({ results }) => {
      onText(before + Array.from(results, (result) => result[0]?.transcript ?? '').join(''))
    }
    hearing.onerror = ({ error }) => {
      setTrouble(refusals[error])
    }
    hearing.onend = () => {
      setListening(false)
    }
    setTrouble(undefined)
    setListening(true)
    hearing.start()
  }
  const label = listening ? 'Stop listening' : 'Speak instead of typing'
  return (
    <>
      {trouble !== undefined && (
        <span role="alert" className="max-w-40 text-xs text-danger">
          {trouble}
        </span>
      )}
      <button
        type="button"
        data-testid="voice"
        aria-label={label}
        aria-pressed={listening}
        title={label}
        className="inline-flex size-9 shrink-0 items-center justify-center rounded-full text-muted transition-colors hover:bg-panel hover:text-ink aria-pressed:animate-pulse aria-pressed:bg-soft aria-pressed:text-accent"
        onClick={() => {
          if (listening) recognition.current?.stop()
          else start()
        }}
      >
        <Icon name="microphone" className="size-4.5" />
      </button>
    </>
  )
}
