import { useModels } from '@/queries/models'
import { Action, ActionGroup, Actions } from '@/ui/actions'
import { ToolButton } from '@/ui/copy'

interface AnewProps {
  /** The model of the answer there is. */
  model: string | undefined
  onRegenerate: (model?: string) => void
}

/** Makes an answer anew: as it was asked for, or with another model. */
export function Anew({ model, onRegenerate }: AnewProps) {
  const { data: catalogue } = useModels()
  const providers = (catalogue?.providers ?? [])
    .map((provider) => ({ ...provider, models: provider.models.filter(({ available }) => available) }))
    .filter(({ models }) => models.length > 0)
  return (
    <>
      <ToolButton
        icon="again"
        label="Regenerate"
        testId="regenerate"
        onClick={() => {
          onRegenerate()
        }}
      />
      <Actions
        label="Regenerate with another model"
        icon="chevron"
        testId="regenerate-with"
        look="inline-flex h-8 w-5 items-center justify-center rounded-md text-muted transition-colors hover:bg-line/60 hover:text-ink aria-expanded:bg-line/60 -ms-1.5"
      >
        {providers.map((provider) => (
          <ActionGroup key={provider.id} title={provider.name}>
            {provider.models.map(({ id, name }) => (
              <Action
                key={id}
                checked={id === model}
                onSelect={() => {
                  onRegenerate(id)
                }}
              >
                {name}
              </Action>
            ))}
          </ActionGroup>
        ))}
      </Actions>
    </>
  )
}
