import { type Status, statusWords } from './words'

const looks: Record<Status, string> = {
  generating: 'animate-pulse bg-accent',
  validating: 'animate-pulse bg-accent',
  ready: 'bg-accent',
  ready_with_errors: 'bg-danger',
  not_validated: 'border border-muted',
  failed: 'bg-danger',
  stopped: 'bg-muted',
}

/** How a version stands: a dot, and the word for it. */
export function StatusDot({ status }: { status: Status }) {
  return (
    <span className="inline-flex shrink-0 items-center gap-1.5 text-xs text-muted">
      <span aria-hidden="true" className={`size-2 rounded-full ${looks[status]}`} />
      {statusWords[status]}
    </span>
  )
}
