import type { StoredCheck, Version } from '@/api/projects'
import { sentence } from '@/api/errors'
import { useChecks } from '@/queries/projects'
import type { Build, BuildCheck, CheckStatus, Diagnostic } from '@/streams/build'
import { RetryLine, Skeleton } from '@/ui/placeholder'
import { checkWords, isLive, stageWord } from './words'

/** What was found of a version; while it is made, what the run tells of it. */
export function Checks({ version, build }: { version: Version; build: Build | undefined }) {
  return build ? <Rounds checks={build.checks} waiting /> : <StoredChecks version={version} />
}

function StoredChecks({ version }: { version: Version }) {
  const { data, error, refetch } = useChecks({ projectId: version.projectId, version: version.id })
  if (data) return <Rounds checks={data.map(fromStored)} waiting={isLive(version)} />
  if (error) {
    return (
      <div className="p-4">
        <RetryLine message={sentence(error)} onRetry={() => void refetch()} />
      </div>
    )
  }
  return (
    <div role="status" aria-label="Loading the checks" className="p-4">
      <Skeleton className="h-4 w-1/2" />
    </div>
  )
}

function fromStored({ stage, status, attempt, summary, data }: StoredCheck): BuildCheck {
  const diagnostics = Array.isArray(data['diagnostics']) ? (data['diagnostics'] as Diagnostic[]) : []
  return { stage, status, attempt, summary, diagnostics }
}

interface RoundsProps {
  checks: readonly BuildCheck[]
  /** More may come. */
  waiting: boolean
}

function Rounds({ checks, waiting }: RoundsProps) {
  if (checks.length === 0) {
    return (
      <p className="m-auto p-8 text-center text-sm text-muted">
        {waiting ? 'The checks begin when files are written.' : 'Nothing was checked.'}
      </p>
    )
  }
  const attempts = [...new Set(checks.map(({ attempt }) => attempt))].sort((a, b) => b - a)
  return (
    <div
      data-testid="checks"
      tabIndex={0}
      role="region"
      aria-label="Checks"
      className="scrollbar-thin min-h-0 flex-1 overflow-y-auto p-4"
    >
      {attempts.map((attempt) => (
        <section key={attempt} className="mb-6">
          {attempts.length > 1 && (
            <h2 className="mb-2 text-sm font-semibold">{attempt === 0 ? 'At first' : `After repair ${attempt}`}</h2>
          )}
          <ul className="flex flex-col gap-2">
            {checks
              .filter((check) => check.attempt === attempt)
              .map((check) => (
                <Check key={check.stage} check={check} />
              ))}
          </ul>
        </section>
      ))}
    </div>
  )
}

const looks: Record<CheckStatus, string> = {
  running: 'animate-pulse text-accent',
  passed: 'text-accent',
  failed: 'text-danger',
  skipped: 'text-muted',
  error: 'text-warn',
}

function Check({ check }: { check: BuildCheck }) {
  const { stage, status, summary, diagnostics } = check
  return (
    <li
      data-testid="check"
      data-stage={stage}
      data-status={status}
      className="rounded-xl border border-line bg-surface px-4 py-2.5"
    >
      <p className="flex items-center gap-3 text-sm">
        <span className="font-medium">{stageWord(stage)}</span>
        <span className={`ms-auto text-xs font-semibold ${looks[status]}`}>{checkWords[status]}</span>
      </p>
      {summary !== '' && <p className="mt-0.5 text-sm break-words text-muted">{summary}</p>}
      {diagnostics.length > 0 && (
        <ul className="mt-2 flex flex-col gap-1.5 text-xs">
          {diagnostics.map((each, index) => (
            <li key={index} className="rounded-md bg-code px-2.5 py-1.5 font-mono break-words whitespace-pre-wrap">
              {each.path && <span className="font-semibold">{placeOf(each)} </span>}
              {each.kind}: {each.message}
            </li>
          ))}
        </ul>
      )}
    </li>
  )
}

function placeOf({ path, line }: Diagnostic): string {
  return line === undefined || line === null ? (path ?? '') : `${path ?? ''}:${line}`
}
