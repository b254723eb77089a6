import { useSyncExternalStore } from 'react'

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = matchMedia(query)
      media.addEventListener('change', listener)
      return () => {
        media.removeEventListener('change', listener)
      }
    },
    () => matchMedia(query).matches,
  )
}

/** Whether there is a mouse. On a touch screen the focus would bring up the keyboard over the page. */
export function canHover(): boolean {
  return matchMedia('(hover: hover)').matches
}
