import { useEffect, useRef, useState } from 'react'
import { sentence } from '@/api/errors'
import { transcribe } from '@/api/speech'

/** Speech needs no more, and five minutes of it are a megabyte. */
const bitsPerSecond = 32_000
const mostSeconds = 300

const refusals: Record<string, string> = {
  NotAllowedError: 'The browser does not allow the microphone here.',
  NotFoundError: 'There is no microphone.',
  NotReadableError: 'The microphone is used by something else.',
}

export const canRecord = 'MediaRecorder' in globalThis && 'mediaDevices' in navigator

export type RecorderState = 'idle' | 'recording' | 'sending'

/** Records until it is told to stop, and has the server write down what was said. */
export function useRecorder(onHeard: (said: string) => void) {
  const [state, setState] = useState<RecorderState>('idle')
  const [trouble, setTrouble] = useState<string>()
  const recorder = useRef<MediaRecorder>(undefined)
  const gone = useRef(new AbortController())
  useEffect(() => {
    const leaving = new AbortController()
    gone.current = leaving
    return () => {
      leaving.abort()
      recorder.current?.stream.getTracks().forEach((track) => {
        track.stop()
      })
    }
  }, [])

  const send = async (recording: Blob, { signal }: AbortController): Promise<void> => {
    setState('sending')
    try {
      const said = await transcribe(recording, signal)
      if (said === '') setTrouble('Nothing was heard.')
      else onHeard(said)
    } catch (error) {
      if (!signal.aborted) setTrouble(sentence(error))
    }
    setState('idle')
  }

  const record = (stream: MediaStream, leaving: AbortController): void => {
    const recording = new MediaRecorder(stream, { audioBitsPerSecond: bitsPerSecond })
    const pieces: Blob[] = []
    const end = setTimeout(() => {
      recording.stop()
    }, mostSeconds * 1000)
    recording.ondataavailable = ({ data }) => {
      pieces.push(data)
    }
    recording.onstop = () => {
      clearTimeout(end)
      stream.getTracks().forEach((track) => {
        track.stop()
      })
      if (!leaving.signal.aborted) void send(new Blob(pieces, { type: recording.mimeType }), leaving)
    }
    recorder.current = recording
    recording.start()
    setState('recording')
  }

  const start = async (): Promise<void> => {
    const leaving = gone.current
    setTrouble(undefined)
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
      if (leaving.signal.aborted) {
        stream.getTracks().forEach((track) => {
          track.stop()
        })
      } else record(stream, leaving)
    } catch (error) {
      setTrouble(refusals[error instanceof DOMException ? error.name : ''] ?? 'The browser cannot record here.')
    }
  }
  const stop = (): void => {
    if (recorder.current?.state === 'recording') recorder.current.stop()
  }
  return { state, trouble, start, stop }
}
