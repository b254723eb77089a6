import type { ProjectDetail, Version } from '@/api/projects'
import type { Build } from '@/streams/build'
import { Checks } from './checks'
import { Compare } from './compare'
import { Files } from './files'
import { Preview } from './preview'
import { Progress } from './progress'
import { Selector } from './selector'
import { Tabs } from './tabs'
import { type Panel, type Viewing, panels } from './view'
import { isDraft } from './words'

interface ViewerProps {
  project: ProjectDetail
  versions: readonly Version[]
  shown: Version | undefined
  build: Build | undefined
  view: Viewing
}

const names: Record<Panel, string> = { files: 'Files', checks: 'Checks', compare: 'Compare', preview: 'Preview' }
const tabs = panels.map((id) => ({ id, name: names[id] }))

/** What is in the version that is looked at, what was found of it, and what it does. */
export function Viewer({ project, versions, shown, build, view }: ViewerProps) {
  if (!shown) return <p className="m-auto p-8 text-center text-muted">Nothing has been built yet: say what you want.</p>
  const live = build && shown.runId === project.liveRunId ? build : undefined
  return (
    <section aria-label={`Version ${shown.ordinal}`} className="flex min-h-0 min-w-0 flex-1 flex-col">
      <Selector projectId={project.id} versions={versions} shown={shown} view={view} />
      {live && <Progress build={live} />}
      {isDraft(shown) && <DraftNote version={shown} />}
      <Tabs
        label="What to look at"
        tabs={tabs}
        value={view.panel}
        onChange={(panel) => {
          view.show({ panel })
        }}
      >
        {view.panel === 'files' && <Files key={shown.id} version={shown} build={live} />}
        {view.panel === 'checks' && <Checks version={shown} build={live} />}
        {view.panel === 'compare' && <Compare versions={versions} shown={shown} view={view} />}
        {view.panel === 'preview' && <Preview key={shown.id} version={shown} />}
      </Tabs>
    </section>
  )
}

function DraftNote({ version }: { version: Version }) {
  return (
    <p className="border-b border-line bg-warn-soft px-4 py-2 text-sm text-warn">
      {version.status === 'stopped' ? 'It was stopped.' : (version.error?.message ?? 'It failed.')} What was finished is
      kept here as a draft, and the project is as it was before. Retry goes on from it.
    </p>
  )
}
