import { type SyntheticEvent, useState } from 'react'
import { sentence } from '@/api/errors'
import type { MadeShare } from '@/api/shares'
import { useCreateShare, useShares } from '@/queries/shares'
import { Button } from '@/ui/button'
import { CopyButton } from '@/ui/copy'
import { Field, Outcome, Select } from '@/ui/field'
import { RetryLine } from '@/ui/placeholder'
import { Sheet } from '@/ui/sheet'
import { endOf, endings } from './endings'
import { ShareRow } from './row'

/** Makes links to a chat as it is now, and takes them back. */
export default function ShareSheet({ chatId, onClose }: { chatId: string; onClose: () => void }) {
  const [made, setMade] = useState<MadeShare>()
  const { data: shares, error, refetch } = useShares(chatId)
  return (
    <Sheet title="Share this chat" wide onClose={onClose}>
      {made ? <Made share={made} /> : <ShareForm chatId={chatId} onMade={setMade} />}
      {!shares && error && (
        <div className="mt-7">
          <RetryLine message={sentence(error)} onRetry={() => void refetch()} />
        </div>
      )}
      {shares && shares.length > 0 && (
        <section className="mt-7">
          <h3 className="mb-2 text-sm font-medium">Links to this chat</h3>
          <ul className="divide-y divide-line rounded-xl border border-line">
            {shares.map((share) => (
              <li key={share.id} className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-3">
                <ShareRow share={share} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </Sheet>
  )
}

function ShareForm({ chatId, onMade }: { chatId: string; onMade: (share: MadeShare) => void }) {
  const [ending, setEnding] = useState<string>(endings[0].value)
  const [password, setPassword] = useState('')
  const { mutate, isPending, error } = useCreateShare(chatId)
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    const body = { expiresAt: endOf(ending, new Date()), ...(password !== '' && { password }) }
    mutate(body, { onSuccess: onMade })
  }
  return (
    <form onSubmit={onSubmit} className="flex flex-col gap-4">
      <p className="text-sm text-muted">
        Whoever has the link can read what is on the page now. What is said later is not shown, nor who you are.
      </p>
      <div className="grid gap-4 sm:grid-cols-2">
        <Select
          label="The link ends"
          options={endings}
          value={ending}
          onChange={({ target }) => {
            setEnding(target.value)
          }}
        />
        <Field
          label="Password"
          type="password"
          autoComplete="new-password"
          placeholder="None"
          maxLength={200}
          value={password}
          onChange={({ target }) => {
            setPassword(target.value)
          }}
        />
      </div>
      <div className="flex flex-wrap items-center gap-4">
        <Button kind="primary" icon="share" type="submit" data-testid="share-create" disabled={isPending}>
          {isPending ? 'Making the link…' : 'Make a link'}
        </Button>
        <Outcome error={error ? sentence(error) : undefined} />
      </div>
    </form>
  )
}

/** The only time that the link is shown. */
function Made({ share }: { share: MadeShare }) {
  return (
    <div role="status" className="rounded-xl border border-accent bg-soft p-4">
      <p className="text-sm font-medium">The link is made. Copy it now: it is not shown again.</p>
      <div className="mt-3 flex items-center gap-2 rounded-lg border border-line bg-surface py-1.5 ps-3 pe-1.5">
        <a
          href={share.url}
          target="_blank"
          rel="noreferrer"
          data-testid="share-url"
          className="min-w-0 flex-1 truncate font-mono text-sm text-accent underline underline-offset-3"
        >
          {share.url}
        </a>
        <CopyButton text={() => share.url} label="Copy the link" />
      </div>
    </div>
  )
}
