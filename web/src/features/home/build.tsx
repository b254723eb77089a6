import { useState } from 'react'
import { useLocation } from 'wouter'
import { sentence } from '@/api/errors'
import type { NewProject } from '@/api/projects'
import { writeDraft } from '@/lib/drafts'
import { fitting } from '@/lib/settings'
import { useMessageLimit } from '@/queries/me'
import { useModelChoice } from '@/queries/models'
import { useCreateProject } from '@/queries/projects'
import { useDraftSettings, writeSettings } from '@/queries/settings'
import { Composer } from '../composer/composer'
import { ModelPicker } from '@/ui/picker'
import { AllowanceNote } from '../usage/note'
import { Suggestions } from './suggest'
import { forBuilding } from './suggestions'

const stacks = [
  { id: 'python', name: 'Python (FastAPI)' },
  { id: 'node', name: 'Node (Express)' },
] as const

/** Asks for an API, and goes to its page, where it is being written. */
export function BuildAsk() {
  const { catalogue, model, choose } = useModelChoice()
  const [stack, setStack] = useState<NonNullable<NewProject['stack']>>('python')
  const { settings, choose: tune } = useDraftSettings('build')
  const limit = useMessageLimit()
  const { create, isPending, error } = useCreateProject()
  const [, navigate] = useLocation()
  const send = (prompt: string): void => {
    const taken = fitting(settings, model?.capabilities)
    create({ prompt, stack, settings: taken, ...(model && { model: model.id }) }, (projectId) => {
      writeDraft('build', '')
      writeSettings('build', undefined)
      writeSettings(projectId, settings)
      navigate(`/projects/${projectId}`)
    })
  }
  return (
    <>
      <div>
        <Composer
          draft="build"
          limit={limit}
          placeholder="Describe the API that you want"
          busy={false}
          sending={isPending}
          onSend={send}
          model={model}
          settings={settings}
          onSettings={tune}
          picker={
            <div className="flex min-w-0 items-center gap-1">
              <ModelPicker providers={catalogue?.providers ?? []} value={model?.id} onChange={choose} />
              <select
                aria-label="What it is written for"
                data-testid="stack-picker"
                value={stack}
                onChange={(event) => {
                  setStack(event.target.value)
                }}
                className="h-9 min-w-0 rounded-lg bg-transparent px-2 text-sm font-medium text-muted hover:bg-panel hover:text-ink"
              >
                {stacks.map(({ id, name }) => (
                  <option key={id} value={id} className="bg-surface text-ink">
                    {name}
                  </option>
                ))}
              </select>
            </div>
          }
        />
        <AllowanceNote />
        {error && (
          <p role="alert" className="mt-3 rounded-lg bg-danger-soft px-4 py-2 text-sm text-danger">
            {sentence(error)}
          </p>
        )}
      </div>
      <Suggestions
        suggestions={forBuilding}
        busy={isPending}
        onPick={({ text }) => {
          send(text)
        }}
      />
    </>
  )
}
