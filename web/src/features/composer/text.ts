import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { readDraft, writeDraft } from '@/lib/drafts'
import { canHover } from '@/ui/media'

/** A text that outlives a reload until it is sent. What was sent is forgotten; what was typed meanwhile stays. */
export function useDraft(key: string): [string, (text: string) => void, (sent: string) => void] {
  const [text, setText] = useState(() => readDraft(key))
  const change = (next: string): void => {
    setText(next)
    writeDraft(key, next)
  }
  const forget = (sent: string): void => {
    setText((now) => (now === sent ? '' : now))
    if (readDraft(key) === sent) writeDraft(key, '')
  }
  return [text, change, forget]
}

/** An area as high as its text, with the focus where that brings up no keyboard. */
export function useAutoSize(text: string) {
  const area = useRef<HTMLTextAreaElement>(null)
  useLayoutEffect(() => {
    const shown = area.current
    if (!shown) return
    shown.style.height = 'auto'
    shown.style.height = `${shown.scrollHeight}px`
  }, [text])
  useEffect(() => {
    const shown = area.current
    if (!shown || !canHover()) return
    shown.focus()
    shown.setSelectionRange(shown.value.length, shown.value.length)
  }, [])
  return area
}
