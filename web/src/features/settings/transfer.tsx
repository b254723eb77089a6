import { useRef } from 'react'
import { sentence } from '@/api/errors'
import { type Import, exportAllAddress } from '@/api/transfer'
import { isUnderWay, useBeginImport, useImports } from '@/queries/transfer'
import { Button } from '@/ui/button'
import { Outcome } from '@/ui/field'
import { Icon } from '@/ui/icon'
import { When } from '@/ui/when'
import { outcomeOf, sourceOf } from './imports'
import { Rows } from './section'

/** Takes everything away, and brings chats in from elsewhere. */
export function Transfer() {
  return (
    <div className="flex flex-col gap-7">
      <section>
        <h3 className="text-sm font-medium">Take everything away</h3>
        <p className="mt-1 mb-3 text-sm text-muted">All chats with their branches, folders and templates.</p>
        <div className="flex flex-wrap gap-2">
          <Download href={exportAllAddress('json')}>As JSON, to bring in again</Download>
          <Download href={exportAllAddress('markdown')}>As Markdown, to read</Download>
        </div>
      </section>
      <section>
        <h3 className="text-sm font-medium">Bring chats in</h3>
        <p className="mt-1 mb-3 text-sm text-muted">An export of Penstock, ChatGPT, Open WebUI or LibreChat.</p>
        <Upload />
        <Imports />
      </section>
    </div>
  )
}

function Download({ href, children }: { href: string; children: string }) {
  return (
    <a
      href={href}
      download
      className="inline-flex min-h-9 items-center gap-2 rounded-lg border border-line bg-surface px-3.5 py-1.5 text-sm font-medium transition-colors hover:bg-panel"
    >
      <Icon name="download" /> {children}
    </a>
  )
}

function Upload() {
  const input = useRef<HTMLInputElement>(null)
  const { mutate, isPending, error, sent } = useBeginImport()
  return (
    <div className="flex flex-wrap items-center gap-4">
      <input
        ref={input}
        type="file"
        aria-label="The file to bring in"
        data-testid="import-file"
        accept=".json,.zip,application/json,application/zip"
        className="sr-only"
        tabIndex={-1}
        onChange={({ target }) => {
          const file = target.files?.[0]
          if (file) mutate(file)
          target.value = ''
        }}
      />
      <Button
        icon="up"
        disabled={isPending}
        onClick={() => {
          input.current?.click()
        }}
      >
        {isPending ? 'Sending…' : 'Choose a file'}
      </Button>
      {isPending && <Progress label="Sent" share={sent} />}
      <Outcome error={error ? sentence(error) : undefined} />
    </div>
  )
}

function Progress({ label, share }: { label: string; share: number }) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
      className="h-2 min-w-32 flex-1 overflow-hidden rounded-full bg-line"
    >
      <div className="h-full rounded-full bg-accent transition-[width]" style={{ width: `${share * 100}%` }} />
    </div>
  )
}

function Imports() {
  const { data, error, refetch } = useImports()
  if (data?.length === 0) return null
  return (
    <div className="mt-4">
      <Rows items={data} error={error} onRetry={() => void refetch()} noun="imports" empty="">
        {(each) => <Row item={each} />}
      </Rows>
    </div>
  )
}

function Row({ item }: { item: Import }) {
  const { done, total, createdAt } = item
  return (
    <div className="min-w-0 flex-1" data-testid="import">
      <p className="flex flex-wrap items-baseline justify-between gap-x-4 text-sm">
        <span className="font-medium">{sourceOf(item)}</span>
        <span className="text-muted">
          <When at={new Date(createdAt)} />
        </span>
      </p>
      <p aria-live="polite" className={`mt-0.5 text-sm ${item.error ? 'text-danger' : 'text-muted'}`}>
        {outcomeOf(item)}
      </p>
      {isUnderWay(item) && total !== null && (
        <div className="mt-2 flex">
          <Progress label="Brought in" share={total === 0 ? 1 : done / total} />
        </div>
      )}
    </div>
  )
}
