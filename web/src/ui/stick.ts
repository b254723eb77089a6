import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'

interface Stick {
  scroller: RefObject<HTMLDivElement | null>
  content: RefObject<HTMLDivElement | null>
  /** Whether the reader has left the end. */
  away: boolean
  jump: () => void
  /** Brings something to the middle of the screen, and stays there. */
  visit: (element: Element) => void
}

interface Shown {
  /** The id of the message that the content begins with. */
  first?: string | undefined
  /** Whether the content ends where the chat does: what is added to an end before that pulls nobody along. */
  whole?: boolean
}

const near = 8
const far = 120

/**
 * Follows the end of growing content for as long as the reader stays there, and keeps what is on the screen in its place
 * when something comes above it.
 */
export function useStick({ first, whole = true }: Shown = {}): Stick {
  const scroller = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const stuck = useRef(true)
  const ends = useRef(whole)
  const beginning = useRef<{ element: Element; top: number }>(undefined)
  const [away, setAway] = useState(false)

  const jump = useCallback(() => {
    stuck.current = true
    toEnd(scroller.current)
  }, [])

  const visit = useCallback((element: Element) => {
    stuck.current = false
    element.scrollIntoView({ block: 'center' })
  }, [])

  useLayoutEffect(() => {
    ends.current = whole
    if (!whole) stuck.current = false
  }, [whole])

  // Browsers keep the place by themselves, but not at the very top, and not all of them.
  useLayoutEffect(() => {
    const box = scroller.current
    const before = beginning.current
    if (!box) return
    if (before?.element.isConnected) box.scrollTop += topIn(box, before.element) - before.top
    // Something else is shown: nobody is near either end of it, where more would be asked for.
    else if (!whole) box.scrollTop = (box.scrollHeight - box.clientHeight) / 2
    const element = box.querySelector('[data-message-id]')
    beginning.current = element ? { element, top: topIn(box, element) } : undefined
  }, [first, whole])

  useEffect(() => {
    const box = scroller.current
    if (!box || !content.current) return
    let top = box.scrollTop
    const onScroll = (): void => {
      const gap = box.scrollHeight - box.scrollTop - box.clientHeight
      if (gap < near) stuck.current = ends.current
      else if (box.scrollTop < top - 1) stuck.current = false
      top = box.scrollTop
      setAway(!stuck.current && gap > far)
    }
    const onWheel = (event: WheelEvent): void => {
      if (event.deltaY < 0) stuck.current = false
    }
    const observer = new ResizeObserver(() => {
      if (stuck.current) toEnd(box)
      onScroll()
    })
    observer.observe(content.current)
    observer.observe(box)
    box.addEventListener('scroll', onScroll, { passive: true })
    box.addEventListener('wheel', onWheel, { passive: true })
    return () => {
      observer.disconnect()
      box.removeEventListener('scroll', onScroll)
      box.removeEventListener('wheel', onWheel)
    }
  }, [])

  return { scroller, content, away, jump, visit }
}

/** How far something lies below the top of all that is scrolled. */
function topIn(box: Element, element: Element): number {
  return element.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop
}

function toEnd(box: HTMLElement | null): void {
  if (box) box.scrollTop = box.scrollHeight
}
