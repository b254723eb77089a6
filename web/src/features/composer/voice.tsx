import { useEffect, useRef, useState } from 'react'
import { useModels } from '@/queries/models'
import { Icon } from '@/ui/icon'
import { canRecord, useRecorder } from './recorder'

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

/** Writes what is said: the browser itself where it can, else somebody whom the server asks. */
export function Voice(props: VoiceProps) {
  const { data: catalogue } = useModels()
  if (Recogniser) return <Listening {...props} Recogniser={Recogniser} />
  return canRecord && catalogue?.transcription != null ? <Recording {...props} /> : null
}

/** Where said words go on. */
function openEnd(text: string): string {
  return text === '' || /\s$/.test(text) ? text : `${text} `
}

function Listening({ text, onText, Recogniser }: VoiceProps & { Recogniser: Recogniser }) {
  const [listening, setListening] = useState(false)
  const [trouble, setTrouble] = useState<string>()
  const recognition = useRef<Recognition>(undefined)
  useEffect(() => () => recognition.current?.stop(), [])
  const start = (): void => {
    const hearing = new Recogniser()
    const before = openEnd(text)
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
  return (
    <VoiceButton
      label={listening ? 'Stop listening' : 'Speak instead of typing'}
      pressed={listening}
      trouble={trouble}
      onClick={() => {
        if (listening) recognition.current?.stop()
        else start()
      }}
    />
  )
}

const saying = { idle: '', recording: 'Recording', sending: 'Writing it down' }

function Recording({ text, onText }: VoiceProps) {
  // What is typed while it is sent stays.
  const latest = useRef(text)
  useEffect(() => {
    latest.current = text
  }, [text])
  const { state, trouble, start, stop } = useRecorder((said) => {
    onText(openEnd(latest.current) + said)
  })
  return (
    <span className="inline-flex items-center">
      <span role="status" data-testid="voice-state" className="text-xs text-muted not-empty:me-2">
        {saying[state]}
      </span>
      <VoiceButton
        label={state === 'recording' ? 'Stop recording' : 'Speak instead of typing'}
        pressed={state === 'recording'}
        disabled={state === 'sending'}
        trouble={trouble}
        onClick={() => {
          if (state === 'recording') stop()
          else void start()
        }}
      />
    </span>
  )
}

interface VoiceButtonProps {
  label: string
  pressed: boolean
  disabled?: boolean
  trouble: string | undefined
  onClick: () => void
}

function VoiceButton({ label, pressed, disabled = false, trouble, onClick }: VoiceButtonProps) {
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
        aria-pressed={pressed}
        title={label}
        disabled={disabled}
        className="inline-flex size-9 shrink-0 items-center justify-center rounded-full text-muted transition-colors hover:bg-panel hover:text-ink disabled:opacity-50 aria-pressed:animate-pulse aria-pressed:bg-soft aria-pressed:text-accent"
        onClick={onClick}
      >
        <Icon name="microphone" className="size-4.5" />
      </button>
    </>
  )
}
