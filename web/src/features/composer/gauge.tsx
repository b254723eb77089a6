import { type ReactNode, useState } from 'react'

interface GaugeProps {
  /** Tokens, estimated, of what would be sent. */
  used: number
  /** Tokens that the model can read and write together. */
  room: number
  sheet: (onClose: () => void) => ReactNode
}

/** How full the model's context is; behind it stands what will be sent. */
export function Gauge({ used, room, sheet }: GaugeProps) {
  const [open, setOpen] = useState(false)
  const share = Math.min(1, used / room)
  const label = `About ${percent(share)} of the context is used. See what will be sent`
  return (
    <>
      <button
        type="button"
        data-testid="gauge"
        aria-label={label}
        title={label}
        className={`inline-flex size-9 shrink-0 items-center justify-center rounded-full transition-colors hover:bg-panel ${share > 0.85 ? 'text-warn' : 'text-accent'}`}
        onClick={() => {
          setOpen(true)
        }}
      >
        <svg viewBox="0 0 24 24" className="size-5 -rotate-90" fill="none" strokeWidth="3" aria-hidden="true">
          <circle cx="12" cy="12" r="9" className="stroke-line" />
          <circle
            cx="12"
            cy="12"
            r="9"
            stroke="currentColor"
            strokeLinecap="round"
            pathLength={100}
            strokeDasharray={`${Math.max(share * 100, 2)} 100`}
          />
        </svg>
      </button>
      {open &&
        sheet(() => {
          setOpen(false)
        })}
    </>
  )
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? 'less than 1 %' : `${Math.round(share * 100)} %`
}
