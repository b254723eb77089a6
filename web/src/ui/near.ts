import { type RefObject, useEffect, useEffectEvent, useRef } from 'react'

interface Nearness {
  /** What scrolls; without it, the page. */
  scroller?: RefObject<Element | null>
  /** How far away is near, in pixels. */
  margin: number
}

/** Acts when something comes near the screen, and again when the key has changed and it still is. */
export function useNear(
  key: unknown,
  onNear: () => void,
  { scroller, margin }: Nearness,
): RefObject<HTMLDivElement | null> {
  const box = useRef<HTMLDivElement>(null)
  const act = useEffectEvent(onNear)
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.at(-1)?.isIntersecting) act()
      },
      { root: scroller?.current ?? null, rootMargin: `${String(margin)}px` },
    )
    if (box.current) observer.observe(box.current)
    return () => {
      observer.disconnect()
    }
  }, [key, scroller, margin])
  return box
}
