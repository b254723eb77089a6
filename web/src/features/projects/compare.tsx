import type { ContractComparison, FileDiff, Version } from '@/api/projects'
import { sentence } from '@/api/errors'
import { useComparison } from '@/queries/projects'
import { RetryLine, Skeleton } from '@/ui/placeholder'
import type { Viewing } from './view'
import { markOf, markWords } from './words'

interface CompareProps {
  versions: readonly Version[]
  shown: Version
  view: Viewing
}

/** So many files show their lines at once. */
const opened = 8

/** The version that is looked at beside another one: that it begins with, unless one is chosen. */
export function Compare({ versions, shown, view }: CompareProps) {
  const others = versions.filter(({ id, committedAt }) => committedAt !== null && id !== shown.id)
  const chosen = others.find(({ ordinal }) => ordinal === view.against)
  const older = chosen ?? others.find(({ id }) => id === shown.parentId) ?? others[0]
  if (!older || shown.committedAt === null) {
    return <p className="m-auto p-8 text-center text-sm text-muted">There is nothing to compare yet.</p>
  }
  return (
    <div
      data-testid="compare"
      tabIndex={0}
      role="region"
      aria-label="Comparison"
      className="scrollbar-thin min-h-0 flex-1 overflow-y-auto p-4"
    >
      <label className="mb-4 flex items-center gap-2 text-sm">
        Compare v{shown.ordinal} with
        <select
          value={older.ordinal}
          onChange={(event) => {
            view.show({ against: Number(event.target.value) })
          }}
          className="h-9 rounded-lg border border-line bg-surface px-2 text-sm font-medium"
        >
          {others.map(({ id, ordinal }) => (
            <option key={id} value={ordinal}>
              v{ordinal}
            </option>
          ))}
        </select>
      </label>
      <Comparison projectId={shown.projectId} older={older.id} newer={shown.id} />
    </div>
  )
}

function Comparison({ projectId, older, newer }: { projectId: string; older: string; newer: string }) {
  const { files, contract } = useComparison(projectId, older, newer)
  if (files.error) return <RetryLine message={sentence(files.error)} onRetry={() => void files.refetch()} />
  if (!files.data) {
    return (
      <div role="status" aria-label="Comparing">
        <Skeleton className="h-4 w-2/3" />
      </div>
    )
  }
  return (
    <>
      {contract.data && <Contract contract={contract.data} />}
      {!contract.data && contract.error && (
        <div className="mb-5">
          <RetryLine
            message={`What the APIs promise could not be compared. ${sentence(contract.error)}`}
            onRetry={() => void contract.refetch()}
          />
        </div>
      )}
      <h2 className="mb-2 text-sm font-semibold">Files</h2>
      {files.data.length === 0 && <p className="text-sm text-muted">All files are the same.</p>}
      <div className="flex flex-col gap-3">
        {files.data.map((diff, index) => (
          <Diff key={diff.path} diff={diff} open={index < opened} />
        ))}
      </div>
    </>
  )
}

function Contract({ contract }: { contract: ContractComparison }) {
  return (
    <section data-testid="contract" className="mb-5">
      <h2 className="mb-2 text-sm font-semibold">API</h2>
      {!contract.isKnown && <p className="text-sm text-muted">Not known: not both versions have been seen to start.</p>}
      {contract.isKnown && contract.items.length === 0 && <p className="text-sm text-muted">It promises the same.</p>}
      <ul className="flex flex-col gap-1 text-sm">
        {contract.items.map(({ kind, what, where, text, breaking }, index) => (
          <li key={index} className="break-words">
            <span className={`font-medium ${breaking ? 'text-danger' : 'text-accent'}`}>
              {breaking ? 'Breaking: ' : ''}
              {what} {kind}
            </span>{' '}
            <code className="font-mono text-xs">{where}</code> <span className="text-muted">{text}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Diff({ diff, open }: { diff: FileDiff; open: boolean }) {
  const { path, oldPath, kind, additions, deletions } = diff
  const mark = markOf(kind)
  return (
    <details open={open} data-testid="diff" data-path={path} data-kind={kind} className="rounded-xl border border-line">
      <summary className="flex items-center gap-3 px-3 py-2 text-sm">
        <span className="font-mono text-xs font-semibold">
          <span aria-hidden="true">{mark}</span>
          <span className="sr-only">{markWords[mark]}</span>
        </span>
        <span className="min-w-0 flex-1 truncate">{oldPath === null ? path : `${oldPath} → ${path}`}</span>
        {additions !== null && deletions !== null && (
          <span className="text-xs tabular-nums">
            <span className="text-accent">+{additions}</span> <span className="text-danger">−{deletions}</span>
          </span>
        )}
      </summary>
      <Lines diff={diff} />
    </details>
  )
}

function Lines({ diff: { hunks, omitted, path } }: { diff: FileDiff }) {
  if (omitted !== null) {
    return (
      <p className="border-t border-line px-3 py-2 text-sm text-muted">
        {omitted === 'binary' ? 'It is no text.' : 'There is too much of it to show.'}
      </p>
    )
  }
  return (
    <pre
      tabIndex={0}
      aria-label={`Changes in ${path}`}
      className="scrollbar-thin overflow-x-auto rounded-b-xl border-t border-line bg-code py-2 font-mono text-[0.8rem] leading-normal"
    >
      {hunks.map((hunk) => (
        <span key={`${hunk.oldStart} ${hunk.newStart}`} className="block w-max min-w-full">
          <span className="block px-3 text-muted">
            @@ −{hunk.oldStart} +{hunk.newStart} @@
          </span>
          {hunk.lines.map((line, index) => (
            <span key={index} className={`block px-3 ${lookOf(line)}`}>
              {line === '' ? ' ' : line}
            </span>
          ))}
        </span>
      ))}
    </pre>
  )
}

function lookOf(line: string): string {
  if (line.startsWith('+')) return 'bg-soft'
  return line.startsWith('-') ? 'bg-danger-soft' : 'text-muted'
}
