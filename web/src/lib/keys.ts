/** Keys of the whole app. Those without a modifier can be switched off, as who speaks to a computer may press them. */
import { Signal } from './signal'
import { lasting } from './storage'

export type KeyTask = 'palette' | 'new' | 'help' | 'compose'

export const singleKeys = new Signal(lasting.read('keys') !== 'off')

export function chooseSingleKeys(on: boolean): void {
  lasting.write('keys', on ? null : 'off')
  singleKeys.set(on)
}

interface Press {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
  shiftKey: boolean
}

/** What a key asks for, while something is typed or not. */
export function taskOf({ key, ctrlKey, metaKey, altKey, shiftKey }: Press, typing: boolean): KeyTask | undefined {
  const held = (ctrlKey || metaKey) && !altKey
  if (held && !shiftKey && key.toLowerCase() === 'k') return 'palette'
  if (held && shiftKey && key.toLowerCase() === 'o') return 'new'
  if (ctrlKey || metaKey || altKey || typing || !singleKeys.get()) return undefined
  if (key === '?') return 'help'
  return key === '/' ? 'compose' : undefined
}

/** What people of this system hold: ⌘ or Ctrl. */
export const modifier = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘' : 'Ctrl'
