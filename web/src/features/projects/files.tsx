import { useState } from 'react'
import type { Version } from '@/api/projects'
import { sentence } from '@/api/errors'
import { useFiles, useVersion } from '@/queries/projects'
import type { Build } from '@/streams/build'
import { Button } from '@/ui/button'
import { RetryLine, Skeleton } from '@/ui/placeholder'
import { type Entry, activePath, firstPath, liveEntries, storedEntries } from './entries'
import { Source } from './source'
import { FileTree } from './tree'

interface FilesProps {
  version: Version
  /** What the run tells, while it makes this version. */
  build: Build | undefined
}

/** While it is written its files are what the run tells; from then on, what is stored. */
export function Files({ version, build }: FilesProps) {
  const [picked, setPicked] = useState<string>()
  const picking = { picked, onPick: setPicked }
  return build && version.status === 'generating' ? (
    <LiveFiles version={version} build={build} {...picking} />
  ) : (
    <StoredFiles version={version} {...picking} />
  )
}

interface Picking {
  /** The file that somebody wants to see. */
  picked: string | undefined
  onPick: (path: string | undefined) => void
}

function LiveFiles({ version, build, ...picking }: Picking & { version: Version; build: Build }) {
  const base = useFiles(version.projectId, version.parentId)
  const entries = liveEntries(base.data?.items ?? [], build)
  const place = (entry: Entry): string => (entry.live ? version.id : (version.parentId ?? version.id))
  return <Panes version={version} entries={entries} followed={activePath(build)} live placeOf={place} {...picking} />
}

function StoredFiles({ version, ...picking }: Picking & { version: Version }) {
  const files = useFiles(version.projectId, version.id)
  const detail = useVersion({ projectId: version.projectId, version: version.id })
  if (files.error && !files.data) {
    return (
      <div className="p-4">
        <RetryLine message={sentence(files.error)} onRetry={() => void files.refetch()} />
      </div>
    )
  }
  if (!files.data) return <Waiting />
  const entries = storedEntries(files.data.items, detail.data?.changes ?? [])
  return (
    <Panes
      version={version}
      entries={entries}
      followed={firstPath(entries)}
      live={false}
      placeOf={() => version.id}
      {...picking}
    />
  )
}

interface PanesProps extends Picking {
  version: Version
  entries: readonly Entry[]
  /** The file that is shown until another one is picked. */
  followed: string | undefined
  live: boolean
  placeOf: (entry: Entry) => string
}

function Panes({ version, entries, followed, live, placeOf, picked, onPick }: PanesProps) {
  const path = picked ?? followed
  const entry = entries.find((each) => each.path === path)
  if (entries.length === 0) {
    return (
      <p className="m-auto p-8 text-center text-sm text-muted">
        {live ? 'No file has been begun yet.' : 'There are no files.'}
      </p>
    )
  }
  return (
    <div className="@container flex min-h-0 flex-1 flex-col">
      <div className="flex min-h-0 flex-1 flex-col @2xl:flex-row">
        <nav
          aria-label="Files"
          className="scrollbar-thin max-h-40 shrink-0 overflow-y-auto border-b border-line p-2 @2xl:max-h-none @2xl:w-56 @2xl:border-e @2xl:border-b-0"
        >
          <FileTree entries={entries} current={path} onPick={onPick} />
        </nav>
        <div className="relative flex min-h-0 min-w-0 flex-1 flex-col">
          {entry && (
            <Source
              key={`${entry.path} ${entry.live?.attempt ?? 0}`}
              entry={entry}
              place={{ projectId: version.projectId, version: placeOf(entry) }}
            />
          )}
          {live && picked !== undefined && picked !== followed && (
            <Button
              icon="down"
              className="absolute end-4 bottom-4 shadow-lg"
              onClick={() => {
                onPick(undefined)
              }}
            >
              Follow the writing
            </Button>
          )}
        </div>
      </div>
    </div>
  )
}

function Waiting() {
  return (
    <div role="status" aria-label="Loading the files" className="flex flex-col gap-3 p-4">
      {['w-2/5', 'w-3/5', 'w-1/3'].map((width) => (
        <Skeleton key={width} className={`h-4 ${width}`} />
      ))}
    </div>
  )
}
