import { type Version, zipOf } from '@/api/projects'
import { sentence } from '@/api/errors'
import { spanOf } from '@/lib/times'
import { useMakeFrom } from '@/queries/projects'
import { Icon, type IconName } from '@/ui/icon'
import { StatusDot } from './status'
import type { Viewing } from './view'
import { isDraft, isLive, secondsOf } from './words'

interface CardProps {
  version: Version
  /** It is the one that is looked at. */
  shown: boolean
  /** The next version would begin with it. */
  isHead: boolean
  /** Another version is being made. */
  busy: boolean
  view: Viewing
}

/** A version where it was made, and what can be done with it. */
export function VersionCard({ version, shown, isHead, busy, view }: CardProps) {
  const { projectId, ordinal, title, status, counts } = version
  const seconds = secondsOf(version)
  return (
    <article
      data-testid="version-card"
      data-ordinal={ordinal}
      data-status={status}
      aria-label={`Version ${ordinal}`}
      className={`mt-3 rounded-xl border bg-surface px-4 py-3 ${shown ? 'border-accent' : 'border-line'}`}
    >
      <header className="flex items-center gap-2">
        <span className="rounded-md bg-panel px-1.5 py-0.5 font-mono text-xs font-semibold">v{ordinal}</span>
        <h2 className="min-w-0 flex-1 truncate text-sm font-medium">{title ?? fallbackTitle(version)}</h2>
        <StatusDot status={status} />
      </header>
      <p className="mt-1.5 flex flex-wrap gap-x-3 text-xs text-muted tabular-nums">
        <Counts counts={counts} live={isLive(version)} />
        {seconds !== undefined && <span>{spanOf(seconds)}</span>}
      </p>
      {version.error && <p className="mt-1.5 text-sm text-danger">{version.error.message}</p>}
      <Actions
        version={version}
        isHead={isHead}
        busy={busy}
        view={view}
        zip={zipOf({ projectId, version: version.id })}
      />
    </article>
  )
}

function fallbackTitle({ origin, status }: Version): string {
  if (origin === 'restore') return 'Restored'
  return status === 'generating' ? 'Being written' : 'No title'
}

function Counts({ counts, live }: Pick<Version, 'counts'> & { live: boolean }) {
  const { added, modified, deleted, renamed } = counts
  const told = [
    [added, 'A', 'added'],
    [modified, 'M', 'modified'],
    [deleted, 'D', 'deleted'],
    [renamed, 'R', 'renamed'],
  ] as const
  const some = told.filter(([count]) => count > 0)
  if (some.length === 0) return <span>{live ? 'No changes yet' : 'No changes'}</span>
  return some.map(([count, mark, word]) => (
    <span key={mark} title={`${count} ${word}`}>
      <span aria-hidden="true">
        {mark} {count}
      </span>
      <span className="sr-only">
        {count} {word}
      </span>
    </span>
  ))
}

interface ActionsProps extends Omit<CardProps, 'shown'> {
  zip: string
}

function Actions({ version, isHead, busy, view, zip }: ActionsProps) {
  const { make, isPending, error } = useMakeFrom({ projectId: version.projectId, version: version.id })
  const begun = (): void => {
    view.show({ version: undefined, panel: 'files' })
  }
  const { ordinal, parentId, committedAt } = version
  const idle = !busy && !isPending
  const committed = committedAt !== null
  return (
    <>
      <div className="-mx-1.5 mt-2 flex flex-wrap gap-x-0.5">
        <Action
          icon="thought"
          name="View"
          ordinal={ordinal}
          onClick={() => {
            view.show({ version: ordinal, panel: 'files' })
          }}
        />
        {committed && parentId !== null && (
          <Action
            icon="copy"
            name="Compare"
            ordinal={ordinal}
            onClick={() => {
              view.show({ version: ordinal, panel: 'compare', against: undefined })
            }}
          />
        )}
        {committed && !isHead && (
          <Action
            icon="into"
            name="Restore"
            ordinal={ordinal}
            disabled={!idle}
            onClick={() => {
              make('restore', begun)
            }}
          />
        )}
        {committed && (
          <a href={zip} download className={look} aria-label={`ZIP of version ${ordinal}`}>
            <Icon name="download" className="size-3.5" /> ZIP
          </a>
        )}
        {!isLive(version) && version.origin !== 'restore' && (
          <Action
            icon="again"
            name="Regenerate"
            ordinal={ordinal}
            disabled={!idle}
            onClick={() => {
              make('regenerate', begun)
            }}
          />
        )}
        {(isDraft(version) || version.status === 'ready_with_errors') && (
          <Action
            icon="forward"
            name="Retry"
            ordinal={ordinal}
            disabled={!idle}
            onClick={() => {
              make('retry', begun)
            }}
          />
        )}
      </div>
      {error && (
        <p role="alert" className="mt-1 text-sm text-danger">
          {sentence(error)}
        </p>
      )}
    </>
  )
}

const look =
  'inline-flex min-h-8 items-center gap-1.5 rounded-md px-1.5 text-xs font-medium text-muted transition-colors hover:bg-line/60 hover:text-ink disabled:opacity-50'

interface ActionProps {
  icon: IconName
  name: string
  ordinal: number
  disabled?: boolean
  onClick: () => void
}

function Action({ icon, name, ordinal, disabled = false, onClick }: ActionProps) {
  return (
    <button
      type="button"
      aria-label={`${name} version ${ordinal}`}
      disabled={disabled}
      onClick={onClick}
      className={look}
    >
      <Icon name={icon} className="size-3.5" /> {name}
    </button>
  )
}
