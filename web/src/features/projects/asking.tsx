import { useState } from 'react'
import type { ProjectDetail, Version } from '@/api/projects'
import { sentence } from '@/api/errors'
import { fitting } from '@/lib/settings'
import { useMessageLimit } from '@/queries/me'
import { useModelChoice } from '@/queries/models'
import { useCreateVersion, useStopVersion } from '@/queries/projects'
import { useDraftSettings } from '@/queries/settings'
import { Composer, type Urgency } from '../composer/composer'
import { LateSheet } from '@/ui/fetching'
import { late } from '@/ui/late'
import { ModelPicker } from '@/ui/picker'
import type { Viewing } from './view'

const ProjectSentSheet = late(() => import('./sent'))

interface AskingProps {
  project: ProjectDetail
  versions: readonly Version[]
  shown: Version | undefined
  view: Viewing
}

const whenBusy = { now: 'reject', later: 'enqueue', instead: 'interrupt' } as const

/** Asks for the next version: of the one that is looked at, where that has been chosen and is whole, else of the last. */
export function Asking({ project, versions, shown, view }: AskingProps) {
  const live = versions.find(({ runId }) => runId !== null && runId === project.liveRunId)
  const base = view.version !== undefined && shown?.committedAt ? shown : undefined
  const head = versions.find(({ id }) => id === project.headId)
  const { catalogue, model, choose } = useModelChoice(versions[0]?.model ?? undefined)
  const { settings, choose: tune } = useDraftSettings(project.id)
  const limit = useMessageLimit()
  const { create, isPending, error } = useCreateVersion(project.id)
  const stop = useStopVersion(project.id)
  const problem = error ?? stop.error
  const [lookedAt, setLookedAt] = useState<string>()
  const close = (): void => {
    setLookedAt(undefined)
  }

  const send = (prompt: string, urgency: Urgency, clear: () => void): void => {
    const body = {
      prompt,
      settings: fitting(settings, model?.capabilities),
      ...(model && { model: model.id }),
      ...(base && { baseVersionId: base.id }),
      whenBusy: whenBusy[urgency],
    }
    create(body, () => {
      clear()
      view.show({ version: undefined, panel: 'files' })
    })
  }

  return (
    <div className="dock relative px-4 pb-4">
      {problem && (
        <p role="alert" className="mb-2 rounded-lg bg-danger-soft px-4 py-2 text-sm text-danger">
          {sentence(problem)}
        </p>
      )}
      {base && base.id !== project.headId && (
        <p className="mb-2 text-xs text-muted">The next version begins with v{base.ordinal}, which you look at.</p>
      )}
      <Composer
        draft={`project.${project.id}`}
        limit={limit}
        placeholder={placeholderOf(base ?? head)}
        busy={live !== undefined}
        stopping={stop.isPending}
        sending={isPending}
        onSend={send}
        model={model}
        settings={settings}
        onSettings={tune}
        onStop={
          live &&
          (() => {
            stop.mutate(live.id)
          })
        }
        onLook={setLookedAt}
        picker={<ModelPicker providers={catalogue?.providers ?? []} value={model?.id} onChange={choose} />}
      />
      {lookedAt !== undefined && (
        <LateSheet onClose={close}>
          <ProjectSentSheet
            projectId={project.id}
            body={{
              prompt: lookedAt.trim(),
              ...(model && { model: model.id }),
              ...(base && { baseVersionId: base.id }),
            }}
            onClose={close}
          />
        </LateSheet>
      )}
    </div>
  )
}

function placeholderOf(base: Version | undefined): string {
  return base ? `What shall change in v${base.ordinal}?` : 'What shall be built?'
}
