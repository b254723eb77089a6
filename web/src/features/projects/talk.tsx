import type { ReactNode } from 'react'
import type { ProjectDetail, Version } from '@/api/projects'
import { sentence } from '@/api/errors'
import { useProjectMessages } from '@/queries/projects'
import type { Build } from '@/streams/build'
import { Button } from '@/ui/button'
import { RetryLine, Skeleton } from '@/ui/placeholder'
import { Prose } from '@/ui/prose'
import { useStick } from '@/ui/stick'
import { Asking } from './asking'
import { VersionCard } from './card'
import { type Moment, saidIn, timelineOf } from './timeline'
import type { Viewing } from './view'

interface TalkProps {
  project: ProjectDetail
  versions: readonly Version[]
  shown: Version | undefined
  build: Build | undefined
  view: Viewing
}

/** The prompts, what was answered, and a card for each version. */
export function Talk({ project, versions, shown, build, view }: TalkProps) {
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useProjectMessages(project.id)
  const { scroller, content } = useStick()
  const messages = data?.pages.toReversed().flatMap(({ items }) => items)
  const card = (version: Version) => (
    <VersionCard
      version={version}
      shown={version.id === shown?.id}
      isHead={version.id === project.headId}
      busy={project.liveRunId !== null}
      view={view}
    />
  )
  return (
    <section aria-label="Chat" className="flex min-h-0 min-w-0 flex-1 flex-col">
      <div
        ref={scroller}
        className="scrollbar-thin min-h-0 flex-1 overflow-y-auto px-4"
        tabIndex={0}
        role="log"
        aria-label="Prompts and versions"
      >
        <div ref={content} className="flex flex-col gap-5 py-5">
          {hasNextPage && (
            <Button className="self-center" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
              Show earlier messages
            </Button>
          )}
          {messages &&
            timelineOf(messages, versions, !hasNextPage).map((moment) => (
              <Told key={moment.id} moment={moment} build={build} liveRunId={project.liveRunId} card={card} />
            ))}
          {!messages && error && <RetryLine message={sentence(error)} onRetry={() => void refetch()} />}
          {!messages && !error && <Waiting />}
        </div>
      </div>
      <Asking project={project} versions={versions} shown={shown} view={view} />
    </section>
  )
}

interface ToldProps {
  moment: Moment
  build: Build | undefined
  liveRunId: string | null
  card: (version: Version) => ReactNode
}

function Told({ moment, build, liveRunId, card }: ToldProps) {
  if (moment.kind === 'version') return <div>{card(moment.version)}</div>
  const { message, version } = moment
  if (message.role === 'user') {
    return (
      <p className="max-w-[90%] self-end rounded-2xl rounded-ee-md bg-soft px-4 py-2.5 leading-relaxed break-words whitespace-pre-wrap">
        {saidIn(message)}
      </p>
    )
  }
  const live = build !== undefined && message.runId === liveRunId
  const text = live ? build.said : saidIn(message)
  return (
    <div className="min-w-0">
      {live && build.planning !== '' && <p className="mb-2 text-sm whitespace-pre-wrap text-muted">{build.planning}</p>}
      {text.trim() !== '' && <Prose text={text} growing={live} />}
      {message.error && !version && <p className="text-sm text-danger">{message.error.message}</p>}
      {live &&
        build.warnings.map((warning, index) => (
          <p key={index} className="mt-1 text-sm text-warn">
            {warning}
          </p>
        ))}
      {version && card(version)}
    </div>
  )
}

function Waiting() {
  return (
    <div role="status" aria-label="Loading the chat" className="flex flex-col gap-3">
      <Skeleton className="h-10 w-3/5 self-end" />
      <Skeleton className="h-24 w-full" />
    </div>
  )
}
