import type { Version } from '@/api/projects'
import { sentence } from '@/api/errors'
import { usePreview, useStartPreview, useStopPreview } from '@/queries/projects'
import { Button } from '@/ui/button'
import { RetryLine } from '@/ui/placeholder'

/** Runs a version where nothing of ours is, and leads there. */
export function Preview({ version }: { version: Version }) {
  const place = { projectId: version.projectId, version: version.id }
  const { data: preview, error, refetch } = usePreview(place)
  const start = useStartPreview(place)
  const stop = useStopPreview(place)
  const problem = start.error ?? stop.error
  const running = preview?.status === 'running' && preview.url !== null
  if (version.committedAt === null) {
    return <p className="m-auto p-8 text-center text-sm text-muted">It can be started when its files are all there.</p>
  }
  return (
    <div data-testid="preview" className="flex min-h-0 flex-1 flex-col gap-4 overflow-y-auto p-4">
      <p className="text-sm text-muted">
        Starts v{version.ordinal} in a sandbox of its own, at an address that only you are let in to. It ends by itself
        when nobody uses it.
      </p>
      <div className="flex flex-wrap items-center gap-3">
        {running ? (
          <>
            <a
              href={preview.url ?? ''}
              target="_blank"
              rel="noreferrer"
              className="inline-flex min-h-9 items-center rounded-lg bg-accent px-3.5 text-sm font-medium text-on-accent hover:bg-accent-strong"
            >
              Open the preview
            </a>
            <Button
              disabled={stop.isPending}
              onClick={() => {
                stop.mutate()
              }}
            >
              Stop the preview
            </Button>
          </>
        ) : (
          <Button
            kind="primary"
            icon="forward"
            disabled={start.isPending}
            onClick={() => {
              start.mutate()
            }}
          >
            {start.isPending ? 'Starting…' : 'Start a preview'}
          </Button>
        )}
      </div>
      {!preview && error && (
        <RetryLine message={`Whether it runs is not known. ${sentence(error)}`} onRetry={() => void refetch()} />
      )}
      {problem && (
        <p role="alert" className="text-sm text-danger">
          {sentence(problem)}
        </p>
      )}
      {preview && preview.logs !== '' && (
        <section>
          <h2 className="mb-2 text-sm font-semibold">What it has said</h2>
          <pre
            tabIndex={0}
            className="scrollbar-thin max-h-96 overflow-auto rounded-xl border border-line bg-code p-3 text-xs"
          >
            {preview.logs}
          </pre>
        </section>
      )}
    </div>
  )
}
