import { lasting } from '@/lib/storage'
import { Signal } from '@/lib/signal'

export type Theme = 'light' | 'dark'

const system = matchMedia('(prefers-color-scheme: dark)')

export const theme = new Signal<Theme>(current())

function current(): Theme {
  const chosen = lasting.read('theme')
  if (chosen === 'light' || chosen === 'dark') return chosen
  return system.matches ? 'dark' : 'light'
}

function show(): void {
  document.documentElement.classList.toggle('dark', theme.get() === 'dark')
}

export function startTheme(): void {
  show()
  theme.subscribe(show)
  system.addEventListener('change', () => {
    theme.set(current())
  })
}

export function toggleTheme(): void {
  const next = theme.get() === 'dark' ? 'light' : 'dark'
  // Choosing what the system says anyway means following it again.
  lasting.write('theme', (next === 'dark') === system.matches ? null : next)
  theme.set(next)
}
