import { Icon } from '@/ui/icon'

interface TemporarySwitchProps {
  on: boolean
  onChange: (on: boolean) => void
}

/** Lets the chat that is about to begin be one that is not kept. */
export function TemporarySwitch({ on, onChange }: TemporarySwitchProps) {
  return (
    <div className="mt-2 flex flex-wrap items-center justify-center gap-x-3 gap-y-1 px-2 text-sm">
      <button
        type="button"
        role="switch"
        aria-checked={on}
        aria-describedby={on ? 'temporary-meaning' : undefined}
        data-testid="temporary-switch"
        onClick={() => {
          onChange(!on)
        }}
        className="inline-flex h-9 items-center gap-2 rounded-lg px-2.5 font-medium text-muted hover:bg-panel hover:text-ink aria-checked:bg-soft aria-checked:text-ink"
      >
        <Icon name={on ? 'check' : 'clock'} />
        Temporary chat
      </button>
      {on && (
        <p id="temporary-meaning" className="text-muted">
          Not kept: gone an hour after its last activity.
        </p>
      )}
    </div>
  )
}
