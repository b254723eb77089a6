import type { ReactNode } from 'react'
import type { Place } from '@/api/projects'
import { sentence } from '@/api/errors'
import { useFile } from '@/queries/projects'
import { CodeBlock } from '@/ui/code'
import { RetryLine, Skeleton } from '@/ui/placeholder'
import { useStick } from '@/ui/stick'
import type { Entry } from './entries'
import { languageOf } from './words'

interface SourceProps {
  entry: Entry
  /** Where its content is, once it has one. */
  place: Place
}

/** The text of a file: as it is written, or as it is stored. */
export function Source({ entry, place }: SourceProps) {
  const { live, path } = entry
  if (entry.mark === 'D') return <Note>{path} is gone.</Note>
  if (entry.binary) return <Note>{path} is no text.</Note>
  if (live && entry.writing) {
    return live.text === '' ? <Note>{path} is being changed…</Note> : <Growing path={path} text={live.text} />
  }
  if (live?.whole && live.text !== '') return <Fixed path={path} text={live.text} />
  return <Stored entry={entry} place={place} />
}

function Growing({ path, text }: { path: string; text: string }) {
  const { scroller, content } = useStick()
  return (
    <div ref={scroller} className="scrollbar-thin min-h-0 flex-1 overflow-y-auto px-4">
      <div ref={content}>
        <CodeBlock code={text} language={languageOf(path)} path={path} open />
      </div>
    </div>
  )
}

function Fixed({ path, text }: { path: string; text: string }) {
  return (
    <div data-testid="source" data-path={path} className="scrollbar-thin min-h-0 flex-1 overflow-y-auto px-4">
      <CodeBlock code={text} language={languageOf(path)} path={path} open={false} />
    </div>
  )
}

function Stored({ entry, place }: SourceProps) {
  const { data, error, refetch } = useFile(place, entry.sha256)
  if (data !== undefined) return <Fixed path={entry.path} text={data} />
  if (error) {
    return (
      <div className="p-6">
        <RetryLine message={sentence(error)} onRetry={() => void refetch()} />
      </div>
    )
  }
  return (
    <div role="status" aria-label="Loading the file" className="flex flex-col gap-3 p-6">
      <Skeleton className="h-4 w-2/5" />
      <Skeleton className="h-4 w-3/5" />
    </div>
  )
}

function Note({ children }: { children: ReactNode }) {
  return <p className="m-auto p-8 text-center text-sm text-muted">{children}</p>
}
