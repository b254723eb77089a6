import { type ReactNode, useState } from 'react'
import type { Model, ModelCatalogue } from '@/api/client'
import { findModel } from '@/queries/models'
import type { SendBody } from '@/streams/transport'
import { IconButton } from '@/ui/button'
import { ModelPicker } from '@/ui/picker'

/** Another model, to answer the next message as well: what switches it on, and the row that shows which it is. */
export function useComparison(catalogue: ModelCatalogue | undefined, model: Model | undefined) {
  const [chosen, setChosen] = useState<string>()
  const second = findModel(catalogue, chosen)
  const usable = catalogue?.providers.flatMap(({ models }) => models).filter(({ available }) => available) ?? []
  const first = usable.find(({ id }) => id !== model?.id) ?? usable[0]
  const compare: ReactNode = !second && (
    <IconButton
      icon="columns"
      label="Compare with another model"
      data-testid="compare-on"
      className="shrink-0"
      disabled={!first}
      onClick={() => {
        setChosen(first?.id)
      }}
    />
  )
  const row: ReactNode = second && (
    <div className="mb-2 flex min-w-0 items-center justify-center gap-1 text-sm text-muted">
      <span aria-hidden="true" className="shrink-0">
        Side by side with
      </span>
      <ModelPicker
        label="Compare with"
        testId="compare-picker"
        providers={catalogue?.providers ?? []}
        value={second.id}
        onChange={setChosen}
      />
      <IconButton
        icon="close"
        label="Ask one model only"
        data-testid="compare-off"
        className="shrink-0"
        onClick={() => {
          setChosen(undefined)
        }}
      />
    </div>
  )
  const body: Pick<SendBody, 'compareWith'> = second ? { compareWith: second.id } : {}
  return { second: body, compare, row }
}
