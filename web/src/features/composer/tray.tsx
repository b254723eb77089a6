import { useRef } from 'react'
import { accepted } from '@/lib/attaching'
import { IconButton } from '@/ui/button'
import { Icon } from '@/ui/icon'
import type { Attaching, Item } from './attaching'

/** What is attached to the message that is being written. */
export function Tray({ attaching, blind }: { attaching: Attaching; blind: string | undefined }) {
  const { items, refusal } = attaching
  const trouble = refusal ?? (blind !== undefined && items.some(({ kind }) => kind === 'picture') ? blind : undefined)
  if (items.length === 0 && trouble === undefined) return null
  return (
    <div className="px-3 pt-3">
      <ul aria-label="Attachments" className="flex flex-wrap gap-2">
        {items.map((item) => (
          <Attached key={item.key} item={item} attaching={attaching} />
        ))}
      </ul>
      {trouble !== undefined && (
        <p role="alert" data-testid="attach-trouble" className="mt-2 px-1 text-sm text-danger">
          {trouble}
        </p>
      )}
    </div>
  )
}

function Attached({ item, attaching }: { item: Item; attaching: Attaching }) {
  const { key, name, kind, preview, failure, uploaded } = item
  return (
    <li
      data-testid="attached"
      data-state={failure !== undefined ? 'failed' : uploaded ? 'ready' : 'uploading'}
      className={`flex max-w-full items-center gap-2 rounded-xl border p-1.5 text-sm ${failure === undefined ? 'border-line' : 'border-danger'}`}
    >
      {preview === undefined || failure !== undefined ? (
        <span className="flex size-11 shrink-0 items-center justify-center rounded-lg bg-panel text-muted">
          <Icon name={kind === 'text' ? 'text' : 'image'} className="size-5" />
        </span>
      ) : (
        <img src={preview} alt="" className="size-11 shrink-0 rounded-lg object-cover" />
      )}
      <span className={`flex min-w-0 flex-col ${failure === undefined ? 'max-w-44' : 'max-w-72'}`}>
        <span className="truncate">{name}</span>
        {failure !== undefined ? (
          <span role="alert" className="text-xs text-danger">
            {failure}
          </span>
        ) : uploaded ? (
          <span className="text-xs text-muted">{kind === 'picture' ? 'Picture' : 'Text'}</span>
        ) : (
          <progress
            aria-label={`${name} is uploaded`}
            value={item.progress}
            className="mt-1 h-1 w-full overflow-hidden rounded-full [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-line [&::-webkit-progress-value]:bg-accent"
          />
        )}
      </span>
      {failure !== undefined && (
        <IconButton
          icon="again"
          label={`Try ${name} again`}
          className="size-8"
          onClick={() => {
            attaching.retry(key)
          }}
        />
      )}
      <IconButton
        icon="close"
        label={`Remove ${name}`}
        className="size-8"
        onClick={() => {
          attaching.remove(key)
        }}
      />
    </li>
  )
}

/** Opens the browser's own file picker. */
export function AttachButton({ onFiles }: { onFiles: (files: FileList) => void }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <IconButton
        icon="clip"
        label="Attach pictures or text"
        data-testid="composer-attach"
        className="shrink-0 rounded-full"
        onClick={() => input.current?.click()}
      />
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={accepted}
        data-testid="composer-files"
        onChange={({ target }) => {
          if (target.files) onFiles(target.files)
          target.value = ''
        }}
      />
    </>
  )
}

/** Shown while files are held over the page. */
export function DropHint() {
  return (
    <div
      data-testid="drop-hint"
      className="pointer-events-none fixed inset-3 z-50 flex items-center justify-center rounded-3xl border-2 border-dashed border-accent bg-page/80 text-lg font-medium"
    >
      Drop to attach
    </div>
  )
}
