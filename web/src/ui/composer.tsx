import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { passing } from '@/lib/storage'
import { Icon } from './icon'

const limit = 10_000
const countFrom = 9000

interface ComposerProps {
  /** Where an unsent text is kept in the meantime. */
  draft: string
  placeholder: string
  /** An answer is on its way: the button stops it, and Enter waits. */
  busy: boolean
  stopping?: boolean
  /** The text is on its way and stays visible until it has arrived. */
  sending?: boolean
  picker: ReactNode
  onSend: (text: string, clear: () => void) => void
  onStop?: (() => void) | undefined
}

export function Composer({ draft, placeholder, busy, stopping, sending, picker, onSend, onStop }: ComposerProps) {
  const [text, setText] = useDraft(draft)
  const area = useAutoSize(text)
  const length = characters(text)
  const tooLong = length > limit
  const ready = text.trim() !== '' && !tooLong && !busy && !sending

  const send = (): void => {
    if (!ready) return
    onSend(text.trim(), () => {
      setText('')
    })
    area.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return
    event.preventDefault()
    send()
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
      className={`rounded-2xl border bg-surface shadow-sm transition-[border-color,box-shadow] focus-within:shadow-md ${tooLong ? 'border-danger' : 'border-line focus-within:border-accent'}`}
    >
      <textarea
        ref={area}
        data-testid="composer-input"
        aria-label="Message"
        aria-invalid={tooLong}
        aria-describedby={length >= countFrom ? 'composer-count' : undefined}
        rows={1}
        value={text}
        placeholder={placeholder}
        readOnly={sending}
        onChange={(event) => {
          setText(event.target.value)
        }}
        onKeyDown={onKeyDown}
        className="scrollbar-thin block max-h-[40dvh] min-h-12 w-full resize-none bg-transparent px-4 pt-3.5 pb-1 leading-6 outline-none placeholder:text-muted"
      />
      <div className="flex items-center justify-between gap-2 p-2">
        {picker}
        <div className="flex items-center gap-3">
          {length >= countFrom && <Count length={length} />}
          {busy && onStop ? (
            <StopButton stopping={stopping ?? false} onStop={onStop} />
          ) : (
            <button
              type="submit"
              data-testid="composer-send"
              aria-label="Send"
              disabled={!ready}
              className="inline-flex size-9 items-center justify-center rounded-xl bg-accent text-on-accent transition-colors hover:bg-accent-strong disabled:bg-line disabled:text-muted"
            >
              {sending ? <Spinner /> : <Icon name="up" className="size-4.5" />}
            </button>
          )}
        </div>
      </div>
    </form>
  )
}

/** While an input method is composing, Enter picks a candidate. */
function isComposing({ nativeEvent }: KeyboardEvent): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- in Safari that Enter comes after the end of composing, and only 229 tells
  return nativeEvent.isComposing || nativeEvent.keyCode === 229
}

function StopButton({ stopping, onStop }: { stopping: boolean; onStop: () => void }) {
  return (
    <button
      type="button"
      data-testid="composer-stop"
      disabled={stopping}
      onClick={onStop}
      className="inline-flex h-9 items-center gap-2 rounded-xl bg-ink px-3 text-sm font-medium text-page hover:opacity-85 disabled:opacity-50"
    >
      <span className="size-2.5 rounded-xs bg-current" aria-hidden="true" />
      {stopping ? 'Stopping…' : 'Stop'}
    </button>
  )
}

function Count({ length }: { length: number }) {
  const over = length - limit
  return (
    <span
      id="composer-count"
      role={over > 0 ? 'alert' : undefined}
      className={`text-xs tabular-nums ${over > 0 ? 'font-medium text-danger' : 'text-muted'}`}
    >
      {over > 0
        ? `${over.toLocaleString()} ${over === 1 ? 'character' : 'characters'} too many`
        : `${length.toLocaleString()} / ${limit.toLocaleString()}`}
    </span>
  )
}

function Spinner() {
  return <span className="size-4 animate-spin rounded-full border-2 border-current border-t-transparent" />
}

function useDraft(key: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => passing.read(`draft.${key}`) ?? '')
  const change = (next: string): void => {
    setText(next)
    passing.write(`draft.${key}`, next === '' ? null : next)
  }
  return [text, change]
}

function useAutoSize(text: string) {
  const area = useRef<HTMLTextAreaElement>(null)
  useLayoutEffect(() => {
    const shown = area.current
    if (!shown) return
    shown.style.height = 'auto'
    shown.style.height = `${shown.scrollHeight}px`
  }, [text])
  useEffect(() => {
    const shown = area.current
    // On a touch screen the focus would bring up the keyboard over the page.
    if (!shown || !matchMedia('(hover: hover)').matches) return
    shown.focus()
    shown.setSelectionRange(shown.value.length, shown.value.length)
  }, [])
  return area
}

/** As the server counts: a character outside the basic plane is one, not two. */
function characters(text: string): number {
  return text.length < countFrom ? text.length : Array.from(text).length
}
