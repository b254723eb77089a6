import { type Version, bundleOf } from '@/api/projects'
import { Button } from '@/ui/button'
import { Icon } from '@/ui/icon'
import { StatusDot } from './status'
import type { Viewing } from './view'

interface SelectorProps {
  projectId: string
  versions: readonly Version[]
  shown: Version
  view: Viewing
}

/** Chooses the version that is looked at. */
export function Selector({ projectId, versions, shown, view }: SelectorProps) {
  const latest = versions[0]
  const isLatest = shown.id === latest?.id
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-1.5">
      <label className="relative inline-flex items-center">
        <span className="sr-only">Version</span>
        <select
          data-testid="version-select"
          value={shown.ordinal}
          onChange={(event) => {
            const ordinal = Number(event.target.value)
            view.show({ version: ordinal === latest?.ordinal ? undefined : ordinal, against: undefined })
          }}
          className="h-9 max-w-60 appearance-none truncate rounded-lg border border-line bg-surface ps-3 pe-8 text-sm font-medium"
        >
          {versions.map(({ id, ordinal, title }) => (
            <option key={id} value={ordinal}>
              v{ordinal}
              {title !== null && ` · ${title}`}
            </option>
          ))}
        </select>
        <Icon name="chevron" className="pointer-events-none absolute end-2.5 size-4 text-muted" />
      </label>
      <StatusDot status={shown.status} />
      {!isLatest && (
        <p data-testid="not-latest" className="flex items-center gap-2 text-sm text-muted">
          Viewing v{shown.ordinal} of {latest?.ordinal}
          <Button
            onClick={() => {
              view.show({ version: undefined })
            }}
          >
            Back to latest
          </Button>
        </p>
      )}
      <a
        href={bundleOf(projectId)}
        download
        className="ms-auto text-xs text-muted underline underline-offset-2 hover:text-ink"
      >
        Git bundle
      </a>
    </div>
  )
}
