import { type RefObject, useCallback, useEffect, useRef, useState } from 'react'

interface Stick {
  scroller: RefObject<HTMLDivElement | null>
  content: RefObject<HTMLDivElement | null>
  /** Whether the reader has left the end. */
  away: boolean
  jump: () => void
  /** Brings something to the middle of the screen, and stays there. */
  visit: (element: Element) => void
  /** Keeps what is on the screen in its place while something is added above it. */
  keepPlace: (change: () => Promise<void>) => Promise<void>
}

const near = 8
const far = 120

/** Follows the end of growing content for as long as the reader stays there. */
export function useStick(): Stick {
  const scroller = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const stuck = useRef(true)
  const [away, setAway] = useState(false)

  const jump = useCallback(() => {
    stuck.current = true
    toEnd(scroller.current)
  }, [])

  const visit = useCallback((element: Element) => {
    stuck.current = false
    element.scrollIntoView({ block: 'center' })
  }, [])

  const keepPlace = useCallback(async (change: () => Promise<void>) => {
    const box = scroller.current
    if (!box) return
    stuck.current = false
    const below = box.scrollHeight - box.scrollTop
    await change()
    requestAnimationFrame(() => requestAnimationFrame(() => (box.scrollTop = box.scrollHeight - below)))
  }, [])

  useEffect(() => {
    const box = scroller.current
    if (!box || !content.current) return
    let top = box.scrollTop
    const onScroll = (): void => {
      const gap = box.scrollHeight - box.scrollTop - box.clientHeight
      if (gap < near) stuck.current = true
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

  return { scroller, content, away, jump, visit, keepPlace }
}

function toEnd(box: HTMLElement | null): void {
  if (box) box.scrollTop = box.scrollHeight
}
