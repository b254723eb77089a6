import { type ReactNode, useState } from 'react'
import type { ErrorEntry } from '@/api/client'
import { isNotFound, sentence } from '@/api/errors'
import { useForgetError, useInbox } from '@/queries/inbox'
import { useMe } from '@/queries/me'
import { Button } from '@/ui/button'
import { CopyButton } from '@/ui/copy'
import { Icon } from '@/ui/icon'
import { Missing } from '@/ui/missing'
import { RetryNotice, Skeleton } from '@/ui/placeholder'
import { When } from '@/ui/when'

export default function Inbox() {
  const { data: me, error, refetch } = useMe()
  if (me) return me.kind === 'owner' ? <Page /> : <Missing />
  if (error) return <Failed error={error} onRetry={() => void refetch()} />
  return (
    <Frame>
      <Waiting />
    </Frame>
  )
}

function Page() {
  const { data, error, refetch } = useInbox()
  if (isNotFound(error)) return <Missing />
  if (!data && error) return <Failed error={error} onRetry={() => void refetch()} />
  return <Frame>{data ? <Entries entries={data} /> : <Waiting />}</Frame>
}

function Failed({ error, onRetry }: { error: Error; onRetry: () => void }) {
  return <RetryNotice title="The errors could not be loaded" message={sentence(error)} onRetry={onRetry} />
}

function Frame({ children }: { children: ReactNode }) {
  return (
    <div className="scrollbar-thin flex-1 overflow-y-auto px-5 md:px-8">
      <title>Error inbox – Penstock</title>
      <div className="mx-auto max-w-4xl pt-8 pb-16 md:pt-12">
        <h1 className="text-2xl font-semibold tracking-tight">Error inbox</h1>
        <p className="mt-2 max-w-prose text-sm leading-relaxed text-muted">
          What went wrong on the side of this server, in all its processes. You alone see it.
        </p>
        <div className="mt-8">{children}</div>
      </div>
    </div>
  )
}

function Entries({ entries }: { entries: ErrorEntry[] }) {
  if (entries.length === 0) return <Nothing />
  return (
    <ul className="flex flex-col gap-4">
      {entries.map((entry) => (
        <li key={entry.id}>
          <Entry entry={entry} />
        </li>
      ))}
    </ul>
  )
}

function Nothing() {
  return (
    <div className="flex items-center gap-3 rounded-xl border border-line bg-surface px-5 py-6 text-sm text-muted">
      <Icon name="check" className="size-5 text-accent" />
      Nothing has gone wrong so far.
    </div>
  )
}

function Entry({ entry }: { entry: ErrorEntry }) {
  const { mutate, isPending, error } = useForgetError()
  return (
    <article data-testid="error-entry" className="rounded-xl border border-line bg-surface">
      <div className="px-5 pt-4">
        <h2 className="font-mono text-sm font-semibold break-all">{entry.kind}</h2>
        <Message text={entry.message} />
      </div>
      <div className="flex items-center justify-between gap-4 px-5 pt-2 pb-4">
        <p className="flex min-w-0 flex-wrap items-center gap-x-4 gap-y-1 text-sm text-muted">
          <Times entry={entry} />
          {entry.requestId !== null && <RequestId id={entry.requestId} />}
        </p>
        <Button
          aria-label={`Forget ${entry.kind}`}
          data-testid="error-forget"
          disabled={isPending}
          onClick={() => {
            mutate(entry.id)
          }}
        >
          Forget
        </Button>
      </div>
      {error && (
        <p role="alert" className="px-5 pb-4 text-sm text-danger">
          {sentence(error)}
        </p>
      )}
      {entry.trace !== '' && <Trace text={entry.trace} />}
    </article>
  )
}

function Times({ entry: { count, firstAt, lastAt } }: { entry: ErrorEntry }) {
  const last = <When at={new Date(lastAt)} />
  if (count === 1) return <span>Once, {last}</span>
  return (
    <>
      <span className="tabular-nums">{count.toLocaleString()} times</span>
      <span>
        first <When at={new Date(firstAt)} />
      </span>
      <span>last {last}</span>
    </>
  )
}

/** So many characters say what it is about. */
const short = 240

function Message({ text }: { text: string }) {
  const [all, setAll] = useState(text.length <= short)
  return (
    <p className="mt-1 text-sm leading-relaxed break-words whitespace-pre-wrap">
      {all ? text : `${text.slice(0, short)}… `}
      {!all && (
        <button
          type="button"
          className="text-accent underline underline-offset-3"
          onClick={() => {
            setAll(true)
          }}
        >
          Show all
        </button>
      )}
    </p>
  )
}

function RequestId({ id }: { id: string }) {
  return (
    <span className="inline-flex max-w-full items-center gap-1">
      request <code className="truncate font-mono text-xs">{id}</code>
      <CopyButton text={() => id} label="Copy the id of the request" />
    </span>
  )
}

function Trace({ text }: { text: string }) {
  return (
    <details className="group/trace border-t border-line text-sm">
      <summary className="flex list-none items-center gap-2 px-5 py-2.5 text-muted [&::-webkit-details-marker]:hidden">
        <Icon name="chevron" className="size-4 -rotate-90 transition-transform group-open/trace:rotate-0" />
        Where it happened
      </summary>
      <pre
        tabIndex={0}
        className="scrollbar-thin overflow-x-auto border-t border-line bg-code px-5 py-4 font-mono text-xs leading-relaxed"
      >
        {text}
      </pre>
    </details>
  )
}

function Waiting() {
  return (
    <div role="status" aria-label="Loading the errors" className="flex flex-col gap-4">
      <Skeleton className="h-28 w-full" />
      <Skeleton className="h-28 w-full" />
    </div>
  )
}
