import type { Suggestion } from './suggestions'

interface SuggestionsProps {
  suggestions: readonly Suggestion[]
  busy: boolean
  onPick: (suggestion: Suggestion) => void
}

export function Suggestions({ suggestions, busy, onPick }: SuggestionsProps) {
  return (
    <ul className="grid gap-2 sm:grid-cols-2" aria-label="Suggestions">
      {suggestions.map((suggestion) => (
        <li key={suggestion.title}>
          <button
            type="button"
            disabled={busy}
            onClick={() => {
              onPick(suggestion)
            }}
            className="flex h-full w-full flex-col items-start rounded-xl border border-line px-4 py-3 text-start transition-colors hover:border-accent hover:bg-surface disabled:opacity-60"
          >
            <span className="text-sm font-medium">{suggestion.title}</span>
            <span className="mt-0.5 text-sm text-muted">{suggestion.text}</span>
          </button>
        </li>
      ))}
    </ul>
  )
}
