import { useState } from 'react'
import type { ProjectDetail, Version } from '@/api/projects'
import { isNotFound, sentence } from '@/api/errors'
import { useBuild } from '@/queries/build'
import { useProject, useVersions } from '@/queries/projects'
import { useMedia } from '@/ui/media'
import { Missing } from '@/ui/missing'
import { RetryNotice, Skeleton } from '@/ui/placeholder'
import { Tabs } from './tabs'
import { Talk } from './talk'
import { useView } from './view'
import { Viewer } from './viewer'

/** A project: the talk about it beside what came of it, or one at a time where there is no room. */
export default function ProjectScreen({ projectId }: { projectId: string }) {
  const project = useProject(projectId)
  const versions = useVersions(projectId)
  const error = project.error ?? versions.error
  if (isNotFound(error)) return <Missing />
  if (project.data && versions.data) return <Workbench project={project.data} versions={versions.data} />
  if (!error) return <Waiting />
  return (
    <RetryNotice
      title="This project could not be loaded"
      message={sentence(error)}
      onRetry={() => void Promise.all([project.refetch(), versions.refetch()])}
    />
  )
}

interface WorkbenchProps {
  project: ProjectDetail
  versions: readonly Version[]
}

const sides = [
  { id: 'chat', name: 'Chat' },
  { id: 'code', name: 'Code' },
] as const

function Workbench({ project, versions }: WorkbenchProps) {
  const build = useBuild(project.chatId, project.id, project.liveRunId)
  const view = useView()
  const [side, setSide] = useState<'chat' | 'code'>('chat')
  const wide = useMedia('(min-width: 900px)')
  const shown = versions.find(({ ordinal }) => ordinal === view.version) ?? versions[0]
  const own = { ...view, show: showing }
  const talk = <Talk project={project} versions={versions} shown={shown} build={build} view={own} />
  const viewer = <Viewer project={project} versions={versions} shown={shown} build={build} view={view} />

  /** Where only one side is seen, what is asked to be shown is on the other. */
  function showing(change: Parameters<typeof view.show>[0]): void {
    if (change.version !== undefined) setSide('code')
    view.show(change)
  }

  return (
    <div data-testid="project" className="flex min-h-0 flex-1 flex-col">
      <title>{`${project.title} – Penstock`}</title>
      <h1 className="truncate border-b border-line px-4 py-2.5 text-sm font-semibold">{project.title}</h1>
      {wide ? (
        <div className="grid min-h-0 flex-1 grid-cols-[minmax(0,2fr)_minmax(0,3fr)]">
          <div className="flex min-h-0 flex-col border-e border-line">{talk}</div>
          <div className="flex min-h-0 flex-col">{viewer}</div>
        </div>
      ) : (
        <Tabs label="Sides of the project" tabs={sides} value={side} onChange={setSide}>
          {side === 'chat' ? talk : viewer}
        </Tabs>
      )}
    </div>
  )
}

function Waiting() {
  return (
    <div role="status" aria-label="Loading the project" className="flex flex-col gap-4 p-6">
      <Skeleton className="h-6 w-1/3" />
      <Skeleton className="h-4 w-full" />
      <Skeleton className="h-4 w-4/5" />
    </div>
  )
}
