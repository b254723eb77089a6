import { useSyncExternalStore } from 'react'
import { type ThemeChoice, chooseTheme, themeChoice } from '@/ui/theme'

const choices: readonly { value: ThemeChoice; name: string }[] = [
  { value: 'system', name: 'As the system' },
  { value: 'light', name: 'Light' },
  { value: 'dark', name: 'Dark' },
]

export function Appearance() {
  const chosen = useSyncExternalStore(themeChoice.subscribe, themeChoice.get)
  return (
    <fieldset>
      <legend className="sr-only">Theme</legend>
      <div className="inline-flex flex-wrap gap-1 rounded-xl border border-line bg-surface p-1">
        {choices.map(({ value, name }) => (
          <label
            key={value}
            className="cursor-pointer rounded-lg px-3 py-1.5 text-sm text-muted has-checked:bg-soft has-checked:font-medium has-checked:text-ink has-focus-visible:outline-2 has-focus-visible:outline-accent"
          >
            <input
              type="radio"
              name="theme"
              className="sr-only"
              value={value}
              checked={chosen === value}
              onChange={() => {
                chooseTheme(value)
              }}
            />
            {name}
          </label>
        ))}
      </div>
    </fieldset>
  )
}
