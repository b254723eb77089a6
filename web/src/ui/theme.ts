import { lasting } from '@/lib/storage'
import { Signal } from '@/lib/signal'

export type Theme = 'light' | 'dark'
export type ThemeChoice = Theme | 'system'

const system = matchMedia('(prefers-color-scheme: dark)')

export const themeChoice = new Signal<ThemeChoice>(stored())
/** What is shown. */
export const theme = new Signal<Theme>(current())

function stored(): ThemeChoice {
  const chosen = lasting.read('theme')
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

function current(): Theme {
  const chosen = themeChoice.get()
  if (chosen !== 'system') return chosen
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

export function chooseTheme(choice: ThemeChoice): void {
  lasting.write('theme', choice === 'system' ? null : choice)
  themeChoice.set(choice)
  theme.set(current())
}

export function toggleTheme(): void {
  const next = theme.get() === 'dark' ? 'light' : 'dark'
  // Choosing what the system says anyway means following it again.
  chooseTheme((next === 'dark') === system.matches ? 'system' : next)
}
