import { useLayoutEffect, useRef, useState } from 'react'
import { Button } from '@/ui/button'

interface EditorProps {
  text: string
  limit: number
  onSave: (text: string) => void
  onCancel: () => void
}

/** A question, open to be written anew where it stands. What it was stays beside it. */
export function Editor({ text: before, limit, onSave, onCancel }: EditorProps) {
  const [text, setText] = useState(before)
  const area = useRef<HTMLTextAreaElement>(null)
  useLayoutEffect(() => {
    const shown = area.current
    if (!shown) return
    shown.style.height = 'auto'
    shown.style.height = `${shown.scrollHeight}px`
  }, [text])
  useLayoutEffect(() => {
    area.current?.focus()
    area.current?.setSelectionRange(before.length, before.length)
  }, [before])
  const ready = text.trim() !== '' && Array.from(text).length <= limit
  const save = (): void => {
    if (ready) onSave(text.trim())
  }
  return (
    <form
      aria-label="Write this message anew"
      className="w-full rounded-2xl border border-accent/60 bg-surface p-2.5"
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onCancel()
        if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
        event.preventDefault()
        save()
      }}
    >
      <textarea
        ref={area}
        data-testid="edit-input"
        aria-label="Message"
        rows={1}
        value={text}
        onChange={(event) => {
          setText(event.target.value)
        }}
        className="scrollbar-thin block max-h-[50dvh] w-full resize-none bg-transparent px-2 pt-1 pb-2 leading-relaxed outline-none"
      />
      <div className="flex flex-wrap items-center justify-end gap-2">
        <p className="me-auto px-2 text-xs text-muted">The version before and its answers stay.</p>
        <Button onClick={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" disabled={!ready} data-testid="edit-save">
          Send
        </Button>
      </div>
    </form>
  )
}
