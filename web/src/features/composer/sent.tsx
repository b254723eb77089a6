/** What the sheets have in common that say what a model would read. */
import type { ReactNode } from 'react'
import { sentence } from '@/api/errors'
import { RetryLine, Skeleton } from '@/ui/placeholder'
import { Sheet } from '@/ui/sheet'

interface SentSheetProps {
  error: Error | null
  onRetry: () => void
  onClose: () => void
  /** What is known; nothing while it is asked for. */
  children: ReactNode
}

export function SentSheet({ error, onRetry, onClose, children }: SentSheetProps) {
  return (
    <Sheet title="What will be sent" wide onClose={onClose}>
      {children ? (
        // Longer than the sheet, it is scrolled by keys as well.
        <div role="group" aria-label="Read by the model" tabIndex={0} className="rounded-lg">
          {children}
        </div>
      ) : error ? (
        <RetryLine message={sentence(error)} onRetry={onRetry} />
      ) : (
        <div role="status" aria-label="Loading what will be sent" className="flex flex-col gap-3 pb-2">
          <Skeleton className="h-2 w-full" />
          <Skeleton className="h-10 w-full" />
          <Skeleton className="h-10 w-full" />
        </div>
      )}
    </Sheet>
  )
}

interface MeterProps {
  used: number
  /** What may be sent, where that is less than there is room for. */
  budget?: number
  /** What the model can read and write together. */
  room: number
}

export function Meter({ used, budget, room }: MeterProps) {
  const share = (tokens: number): string => `${Math.min(100, (100 * tokens) / room)}%`
  return (
    <div
      role="meter"
      aria-label="Used of the context"
      aria-valuemin={0}
      aria-valuemax={room}
      aria-valuenow={used}
      className="relative mt-3 h-2 overflow-hidden rounded-full bg-line"
    >
      <div className="absolute inset-y-0 start-0 rounded-full bg-accent" style={{ width: share(used) }} />
      {budget !== undefined && (
        <div className="absolute inset-y-0 w-0.5 bg-muted" style={{ insetInlineStart: share(budget) }} />
      )}
    </div>
  )
}

export function Row({ role, text, note, isSent }: { role: string; text: string; note: string; isSent: boolean }) {
  return (
    <div className={`flex items-baseline gap-3 py-2.5 text-sm ${isSent ? '' : 'text-muted'}`}>
      <span className="w-24 shrink-0 text-muted">{role}</span>
      <span className={`min-w-0 flex-1 truncate ${isSent ? '' : 'line-through'}`}>{text || 'Nothing'}</span>
      <span className="shrink-0 text-xs text-muted tabular-nums">{note}</span>
    </div>
  )
}
