import { Signal } from './signal'

/** Whether the tab is on the screen. */
export function watchVisibility(page: Document): Signal<boolean> {
  const visible = new Signal(page.visibilityState === 'visible')
  page.addEventListener('visibilitychange', () => {
    visible.set(page.visibilityState === 'visible')
  })
  return visible
}
