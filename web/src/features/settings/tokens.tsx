import { type SyntheticEvent, useState } from 'react'
import type { MadeToken, Token } from '@/api/client'
import { sentence } from '@/api/errors'
import { dayOf } from '@/lib/times'
import { useCreateToken, useRevokeToken, useTokens } from '@/queries/tokens'
import { Button } from '@/ui/button'
import { Confirm } from '@/ui/confirm'
import { CopyButton } from '@/ui/copy'
import { Field, Outcome, Select } from '@/ui/field'
import { When } from '@/ui/when'
import { expiries, expiryOf, scopes, scopeOf, scopesOf } from './scopes'
import { Rows } from './section'

export function Tokens() {
  const { data, error, refetch } = useTokens()
  const [made, setMade] = useState<MadeToken>()
  const [leaving, setLeaving] = useState<Token>()
  return (
    <div className="flex flex-col gap-6">
      {made ? (
        <Made
          token={made}
          onDone={() => {
            setMade(undefined)
          }}
        />
      ) : (
        <NewToken onMade={setMade} />
      )}
      <div>
        <Rows items={data} error={error} onRetry={() => void refetch()} noun="tokens" empty="You have no tokens yet.">
          {(token) => (
            <Row
              token={token}
              onRevoke={() => {
                setLeaving(token)
              }}
            />
          )}
        </Rows>
      </div>
      {leaving && (
        <Revocation
          token={leaving}
          onClose={() => {
            setLeaving(undefined)
          }}
        />
      )}
    </div>
  )
}

function NewToken({ onMade }: { onMade: (token: MadeToken) => void }) {
  const [name, setName] = useState('')
  const [scope, setScope] = useState<string>(scopes[0].value)
  const [expiry, setExpiry] = useState<string>(expiries[1].value)
  const { mutate, isPending, error, reset } = useCreateToken()
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    const body = { name, scopes: scopesOf(scope), expiresAt: expiryOf(expiry, new Date()) }
    mutate(body, {
      onSuccess: (token) => {
        setName('')
        onMade(token)
      },
    })
  }
  return (
    <form aria-label="New token" onSubmit={onSubmit} onChange={reset} className="flex flex-col gap-4">
      <Field
        label="What it is for"
        name="token-name"
        autoComplete="off"
        placeholder="For example, notes on the laptop"
        required
        pattern=".*\S.*"
        maxLength={200}
        value={name}
        onChange={(event) => {
          setName(event.target.value)
        }}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <Select
          label="It may"
          options={scopes}
          value={scope}
          onChange={(event) => {
            setScope(event.target.value)
          }}
        />
        <Select
          label="It ends"
          options={expiries}
          value={expiry}
          onChange={(event) => {
            setExpiry(event.target.value)
          }}
        />
      </div>
      <div className="flex flex-wrap items-center gap-4">
        <Button type="submit" icon="plus" data-testid="token-create" disabled={isPending}>
          Make a token
        </Button>
        <Outcome error={error ? sentence(error) : undefined} />
      </div>
    </form>
  )
}

/** The only time that the secret is shown. */
function Made({ token, onDone }: { token: MadeToken; onDone: () => void }) {
  return (
    <div role="status" className="rounded-xl border border-accent bg-soft p-4">
      <p className="text-sm font-medium break-words">The token “{token.name}” is made.</p>
      <p className="mt-1 text-sm text-muted">Copy it now: it is not shown again.</p>
      <div className="mt-3 flex items-center gap-2 rounded-lg border border-line bg-surface py-1.5 ps-3 pe-1.5">
        <code data-testid="token-secret" className="min-w-0 flex-1 font-mono text-sm break-all">
          {token.secret}
        </code>
        <CopyButton text={() => token.secret} label="Copy the token" />
      </div>
      <p className="mt-3 text-sm break-words text-muted">
        Programs send it with each request: <code className="font-mono text-xs">Authorization: Bearer …</code>
      </p>
      <Button className="mt-4" onClick={onDone}>
        Done
      </Button>
    </div>
  )
}

function Row({ token, onRevoke }: { token: Token; onRevoke: () => void }) {
  return (
    <>
      <div className="min-w-0 flex-1 basis-48" data-testid="token">
        <p className="text-sm font-medium break-words">{token.name}</p>
        <p className="mt-0.5 text-sm text-muted">
          <code className="font-mono text-xs">…{token.hint}</code> · {scopeOf(token.scopes)} · {endOf(token)}
        </p>
        <p className="mt-0.5 text-sm text-muted">
          Made <When at={new Date(token.createdAt)} /> ·{' '}
          {token.usedAt === null ? (
            'never used'
          ) : (
            <>
              used <When at={new Date(token.usedAt)} />
            </>
          )}
        </p>
      </div>
      <Button aria-label={`Revoke ${token.name}`} onClick={onRevoke}>
        Revoke
      </Button>
    </>
  )
}

function endOf({ expiresAt }: Token): string {
  if (expiresAt === null) return 'never ends'
  const end = new Date(expiresAt)
  return `${end < new Date() ? 'ended' : 'ends'} ${dayOf(end)}`
}

function Revocation({ token, onClose }: { token: Token; onClose: () => void }) {
  const { mutate, isPending, error } = useRevokeToken()
  return (
    <Confirm
      title="Revoke this token?"
      confirm="Revoke"
      keep="Keep it"
      testId="token-revoke-confirm"
      busy={isPending}
      error={error ? sentence(error) : undefined}
      onConfirm={() => {
        mutate(token.id, { onSuccess: onClose })
      }}
      onClose={onClose}
    >
      Programs that use “{token.name}” are refused from then on, and what they still read ends.
    </Confirm>
  )
}
