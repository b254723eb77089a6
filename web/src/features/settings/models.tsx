import { useId, useState } from 'react'
import type { Me, Model } from '@/api/client'
import { sentence } from '@/api/errors'
import { useModelChoice, useModels } from '@/queries/models'
import { Badge } from '@/ui/badge'
import { Field } from '@/ui/field'
import { RetryLine, Skeleton } from '@/ui/placeholder'
import { type Provider, abilitiesOf, keyOf, matching, priceOf } from './catalogue'

/** Which models there are, and which of them a new chat begins with. */
export function Models({ me }: { me: Me }) {
  const { error, refetch } = useModels()
  const { catalogue, model, choose } = useModelChoice()
  if (!catalogue && error) return <RetryLine message={sentence(error)} onRetry={() => void refetch()} />
  if (!catalogue) {
    return (
      <div role="status" aria-label="Loading models" className="flex flex-col gap-3">
        <Skeleton className="h-10 w-full" />
        <Skeleton className="h-48 w-full" />
      </div>
    )
  }
  return (
    <Catalogue providers={catalogue.providers} chosen={model} onChoose={choose} mayAddKeys={me.kind !== 'anonymous'} />
  )
}

interface CatalogueProps {
  providers: readonly Provider[]
  chosen: Model | undefined
  onChoose: (id: string) => void
  mayAddKeys: boolean
}

function Catalogue({ providers, chosen, onChoose, mayAddKeys }: CatalogueProps) {
  const [query, setQuery] = useState('')
  const found = matching(providers, query)
  return (
    <div className="flex flex-col gap-4" data-testid="models">
      <p className="text-sm">
        New chats begin with <strong className="font-medium">{chosen?.name ?? 'no model'}</strong>.
      </p>
      <Field
        label="Find a model"
        type="search"
        placeholder="Name or provider"
        className="max-w-md"
        value={query}
        onChange={(event) => {
          setQuery(event.target.value)
        }}
      />
      <p role="status" className={found.length > 0 ? 'sr-only' : 'text-sm text-muted'}>
        {found.length > 0 ? `${countOf(found)} shown` : `No model is called “${query.trim()}”.`}
      </p>
      {found.length > 0 && (
        <fieldset className="min-w-0">
          <legend className="sr-only">Model for new chats</legend>
          <div className="scrollbar-thin max-h-120 overflow-y-auto rounded-xl border border-line bg-surface">
            {found.map((provider) => (
              <Group
                key={provider.id}
                provider={provider}
                chosen={chosen?.id}
                onChoose={onChoose}
                mayAddKeys={mayAddKeys}
              />
            ))}
          </div>
        </fieldset>
      )}
      <p className="text-sm text-muted">Prices are in US dollars for a million tokens.</p>
    </div>
  )
}

function countOf(providers: readonly Provider[]): string {
  const count = providers.reduce((sum, { models }) => sum + models.length, 0)
  return count === 1 ? 'One model' : `${count} models`
}

interface GroupProps {
  provider: Provider
  chosen: string | undefined
  onChoose: (id: string) => void
  mayAddKeys: boolean
}

function Group({ provider, chosen, onChoose, mayAddKeys }: GroupProps) {
  const heading = useId()
  const key = keyOf(provider)
  return (
    <section aria-labelledby={heading} data-testid="model-provider">
      <header className="sticky top-0 z-10 flex flex-wrap items-baseline justify-between gap-x-4 border-b border-line bg-panel px-4 py-2 text-sm">
        <h3 id={heading} className="font-medium">
          {provider.name}
        </h3>
        <p className="text-muted">
          {key}
          {mayAddKeys && provider.needsKey && provider.keySource === null && (
            <>
              {' · '}
              <a href="#keys" className="text-accent underline underline-offset-3">
                Add one
              </a>
            </>
          )}
        </p>
      </header>
      <ul className="divide-y divide-line border-b border-line">
        {provider.models.map((model) => (
          <li key={model.id}>
            <Choice
              model={model}
              checked={model.id === chosen}
              onChoose={() => {
                onChoose(model.id)
              }}
            />
          </li>
        ))}
      </ul>
    </section>
  )
}

interface ChoiceProps {
  model: Model
  checked: boolean
  onChoose: () => void
}

function Choice({ model, checked, onChoose }: ChoiceProps) {
  const { id, name, available, isDemo } = model
  return (
    <label
      data-testid="model"
      className={`flex items-start gap-3 px-4 py-3 text-sm has-checked:bg-soft ${available ? 'cursor-pointer hover:bg-panel' : 'cursor-not-allowed'}`}
    >
      <input
        type="radio"
        name="new-chat-model"
        value={id}
        checked={checked}
        disabled={!available}
        onChange={onChoose}
        className="mt-0.5 size-4 shrink-0 accent-accent"
      />
      <span className="min-w-0 flex-1">
        <span className="flex flex-wrap items-baseline justify-between gap-x-6">
          <span className="flex flex-wrap items-center gap-x-2 font-medium break-words">
            {name} {isDemo && <Badge>Demo</Badge>} {!available && <span className="sr-only">needs a key</span>}
          </span>
          <span className="text-muted tabular-nums">{priceOf(model)}</span>
        </span>
        <code className="block font-mono text-xs break-all text-muted">{id}</code>
        <span className="mt-1 block text-muted">{abilitiesOf(model).join(' · ')}</span>
      </span>
    </label>
  )
}
