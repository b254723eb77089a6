import { useState } from 'react'
import type { FilePart } from '@/streams/message'
import { Dialog } from '@/ui/dialog'
import { IconButton } from '@/ui/button'
import { Icon } from '@/ui/icon'

/** What is attached to a message: pictures that open large, texts that open beside. */
export function Files({ files }: { files: readonly FilePart[] }) {
  const [open, setOpen] = useState<FilePart>()
  if (files.length === 0) return null
  return (
    <div data-testid="files" className="flex max-w-[85%] flex-wrap justify-end gap-2">
      {files.map((file) =>
        file.mediaType.startsWith('image/') ? (
          <button
            key={file.url}
            type="button"
            aria-label={`Show ${nameOf(file)}`}
            className="overflow-hidden rounded-2xl border border-line hover:opacity-90"
            onClick={() => {
              setOpen(file)
            }}
          >
            <img
              src={file.url}
              alt={nameOf(file)}
              loading="lazy"
              className="max-h-64 min-h-12 max-w-full min-w-12 object-contain"
            />
          </button>
        ) : (
          <a
            key={file.url}
            href={file.url}
            target="_blank"
            rel="noreferrer"
            className="flex max-w-full items-center gap-2.5 rounded-2xl border border-line bg-surface px-3.5 py-2.5 text-sm hover:bg-panel"
          >
            <Icon name="text" className="size-5 text-muted" />
            <span className="truncate">{nameOf(file)}</span>
          </a>
        ),
      )}
      {open && (
        <Dialog
          label={nameOf(open)}
          className="m-auto max-h-[94dvh] max-w-[94vw] rounded-2xl bg-surface p-2 text-ink"
          onClose={() => {
            setOpen(undefined)
          }}
        >
          <div className="flex items-center gap-2 ps-2 pb-1 text-sm">
            <a href={open.url} target="_blank" rel="noreferrer" className="min-w-0 flex-1 truncate underline">
              {nameOf(open)}
            </a>
            <IconButton
              icon="close"
              label="Close"
              onClick={() => {
                setOpen(undefined)
              }}
            />
          </div>
          <img src={open.url} alt={nameOf(open)} className="max-h-[82dvh] max-w-full rounded-lg" />
        </Dialog>
      )}
    </div>
  )
}

function nameOf({ filename }: FilePart): string {
  return filename ?? 'Attachment'
}
