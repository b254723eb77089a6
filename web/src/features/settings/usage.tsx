import type { Usage } from '@/api/client'
import { sentence } from '@/api/errors'
import { timeOf } from '@/lib/times'
import { type Allowance, allowanceOf, useUsage } from '@/queries/usage'
import { RetryLine, Skeleton } from '@/ui/placeholder'
import { When } from '@/ui/when'
import { paceOf } from './pace'

export function UsageReport() {
  const { data, error, refetch } = useUsage()
  if (!data && error) return <RetryLine message={sentence(error)} onRetry={() => void refetch()} />
  if (!data) {
    return (
      <div role="status" aria-label="Loading your usage">
        <Skeleton className="h-12 w-full" />
      </div>
    )
  }
  return <Report usage={data} />
}

function Report({ usage }: { usage: Usage }) {
  const allowance = allowanceOf(usage)
  const paces = usage.limits.map(paceOf).filter((pace) => pace !== undefined)
  return (
    <div className="flex flex-col gap-5" data-testid="usage">
      {allowance ? (
        <Daily allowance={allowance} />
      ) : (
        <p className="text-sm">You may send as many messages as you like.</p>
      )}
      {paces.length > 0 && (
        <dl className="grid grid-cols-[1fr_auto] gap-x-6 gap-y-1.5 text-sm">
          {paces.map(({ what, pace }) => (
            <div key={what} className="contents">
              <dt className="text-muted">{what}</dt>
              <dd className="text-end tabular-nums">{pace}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  )
}

function Daily({ allowance: { limit, remaining, resetAt } }: { allowance: Allowance }) {
  const used = limit - remaining
  const share = limit === 0 ? 100 : Math.min(100, (100 * used) / limit)
  return (
    <div>
      <p className="flex flex-wrap items-baseline justify-between gap-x-4 text-sm">
        <span className="font-medium tabular-nums">
          {used.toLocaleString()} of {limit.toLocaleString()} messages today
        </span>
        <span className="text-muted tabular-nums">{remaining.toLocaleString()} left</span>
      </p>
      <div
        role="meter"
        aria-label="Messages of today"
        aria-valuemin={0}
        aria-valuemax={limit}
        aria-valuenow={used}
        className="mt-2.5 h-2 overflow-hidden rounded-full bg-line"
      >
        <div
          className={`h-full rounded-full ${remaining === 0 ? 'bg-warn' : 'bg-accent'}`}
          style={{ width: `${share}%` }}
        />
      </div>
      <p className="mt-2.5 text-sm text-muted">
        New ones <When at={resetAt} />, at {timeOf(resetAt)}.
      </p>
    </div>
  )
}
