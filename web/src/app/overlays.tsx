import { useEffect, useSyncExternalStore } from 'react'
import { useLocation } from 'wouter'
import { taskOf } from '@/lib/keys'
import { Signal } from '@/lib/signal'
import { LateSheet } from '@/ui/fetching'
import { late } from '@/ui/late'

const Palette = late(() => import('@/features/palette/palette'))
const Shortcuts = late(() => import('@/features/palette/shortcuts'))

type Overlay = 'palette' | 'shortcuts'

/** What lies over the page, wherever one is. */
const overlay = new Signal<Overlay | undefined>(undefined)

export function openPalette(): void {
  overlay.set('palette')
}

/** Hears the keys of the whole app. */
export function Overlays() {
  const shown = useSyncExternalStore(overlay.subscribe, overlay.get)
  const [, navigate] = useLocation()
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const task = event.defaultPrevented || event.isComposing ? undefined : taskOf(event, isTyping(event.target))
      // What is asked in a dialog is answered first.
      if (!task || (document.querySelector('dialog[open]') && !(task === 'palette' && overlay.get()))) return
      event.preventDefault()
      if (task === 'palette') overlay.set(overlay.get() === 'palette' ? undefined : 'palette')
      else if (task === 'help') overlay.set('shortcuts')
      else if (task === 'new') navigate('/')
      else document.querySelector<HTMLElement>('[data-testid=composer-input]')?.focus()
    }
    document.addEventListener('keydown', onKey)
    return () => {
      document.removeEventListener('keydown', onKey)
    }
  }, [navigate])
  const close = (): void => {
    overlay.set(undefined)
  }
  return (
    shown && (
      <LateSheet key={shown} onClose={close}>
        {shown === 'palette' ? (
          <Palette
            onClose={close}
            onHelp={() => {
              overlay.set('shortcuts')
            }}
          />
        ) : (
          <Shortcuts onClose={close} />
        )}
      </LateSheet>
    )
  )
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}
