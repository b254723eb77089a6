import { type SyntheticEvent, useState } from 'react'
import type { ProviderKey, ProviderKeys } from '@/api/client'
import { codeOf, sentence } from '@/api/errors'
import { useKeys, useRemoveKey, useSaveKey, useTestKey } from '@/queries/keys'
import { Button } from '@/ui/button'
import { Confirm } from '@/ui/confirm'
import { Field, Outcome, Select } from '@/ui/field'
import { When } from '@/ui/when'
import { Rows } from './section'

/** A key with the name of its provider. */
interface Named extends ProviderKey {
  id: string
  name: string
}

export function Keys() {
  const { data, error, refetch } = useKeys()
  const [leaving, setLeaving] = useState<Named>()
  return (
    <div className="flex flex-col gap-6">
      {data && <NewKey known={data} />}
      <Rows items={data && named(data)} error={error} onRetry={() => void refetch()} noun="keys" empty={none}>
        {(key) => (
          <Row
            apiKey={key}
            onRemove={() => {
              setLeaving(key)
            }}
          />
        )}
      </Rows>
      {leaving && (
        <Removal
          apiKey={leaving}
          onClose={() => {
            setLeaving(undefined)
          }}
        />
      )}
    </div>
  )
}

const none = 'You have no keys of your own. Models are asked with those of this server, where it has any.'

function named({ items, providers }: ProviderKeys): Named[] {
  return items.map((key) => ({
    ...key,
    id: key.provider,
    name: providers.find(({ id }) => id === key.provider)?.name ?? key.provider,
  }))
}

function NewKey({ known }: { known: ProviderKeys }) {
  const [chosen, setChosen] = useState<string>()
  const [secret, setSecret] = useState('')
  const { mutate, isPending, error, isSuccess, reset } = useSaveKey()
  const provider = chosen ?? known.providers[0]?.id
  if (provider === undefined) return null
  const present = known.items.find((key) => key.provider === provider)
  const isRefused = ['key_refused', 'key_malformed'].includes(codeOf(error) ?? '')
  const said = error ? sentence(error) : undefined
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    mutate(
      { provider, key: secret },
      {
        onSuccess: () => {
          setSecret('')
        },
      },
    )
  }
  return (
    <form aria-label="New key" onSubmit={onSubmit} onChange={reset} className="flex max-w-md flex-col gap-4">
      <Select
        label="Provider"
        name="key-provider"
        options={known.providers.map(({ id, name }) => ({ value: id, name }))}
        value={provider}
        onChange={(event) => {
          setChosen(event.target.value)
        }}
      />
      <Field
        label={present ? 'Another key' : 'Key'}
        name="key-secret"
        type="password"
        autoComplete="off"
        spellCheck={false}
        required
        maxLength={500}
        hint={present ? `It takes the place of the one that ends in ${present.hint}.` : 'It is never shown again.'}
        error={isRefused ? said : undefined}
        value={secret}
        onChange={(event) => {
          setSecret(event.target.value)
        }}
      />
      <div className="flex flex-wrap items-center gap-4">
        <Button type="submit" icon={present ? 'again' : 'plus'} data-testid="key-save" disabled={isPending}>
          {isPending ? 'Asking the provider…' : present ? 'Replace the key' : 'Add the key'}
        </Button>
        <Outcome
          error={isRefused ? undefined : said}
          done={isSuccess ? 'The provider takes it. It is kept.' : undefined}
        />
      </div>
    </form>
  )
}

function Row({ apiKey, onRemove }: { apiKey: Named; onRemove: () => void }) {
  const { mutate, isPending, error, isSuccess } = useTestKey()
  return (
    <>
      <div className="min-w-0 flex-1 basis-48" data-testid="key">
        <p className="text-sm font-medium break-words">
          {apiKey.name} <code className="font-mono text-xs text-muted">…{apiKey.hint}</code>
        </p>
        <p className="mt-0.5 text-sm text-muted">
          Added <When at={new Date(apiKey.createdAt)} /> · last taken by the provider{' '}
          <When at={new Date(apiKey.testedAt)} />
        </p>
      </div>
      <div className="flex gap-2">
        <Button
          aria-label={`Test the key for ${apiKey.name}`}
          disabled={isPending}
          onClick={() => {
            mutate(apiKey.provider)
          }}
        >
          {isPending ? 'Testing…' : 'Test'}
        </Button>
        <Button aria-label={`Remove the key for ${apiKey.name}`} onClick={onRemove}>
          Remove
        </Button>
      </div>
      {(error ?? isSuccess) && (
        <div className="w-full">
          <Outcome error={error ? sentence(error) : undefined} done="The provider takes it." />
        </div>
      )}
    </>
  )
}

function Removal({ apiKey, onClose }: { apiKey: Named; onClose: () => void }) {
  const { mutate, isPending, error } = useRemoveKey()
  return (
    <Confirm
      title="Remove this key?"
      confirm="Remove"
      keep="Keep it"
      testId="key-remove-confirm"
      busy={isPending}
      error={error ? sentence(error) : undefined}
      onConfirm={() => {
        mutate(apiKey.provider, { onSuccess: onClose })
      }}
      onClose={onClose}
    >
      Models of {apiKey.name} are then asked with this server’s key, if it has one.
    </Confirm>
  )
}
