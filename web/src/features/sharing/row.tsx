import { sentence } from '@/api/errors'
import type { Share } from '@/api/shares'
import { dayOf } from '@/lib/times'
import { useRevokeShare } from '@/queries/shares'
import { Button } from '@/ui/button'
import { When } from '@/ui/when'

/** A link that leads to a snapshot, and its end. */
export function ShareRow({ share, titled = false }: { share: Share; titled?: boolean }) {
  const { mutate, isPending, error } = useRevokeShare()
  const { title, hint, messageCount, hasPassword, createdAt, expiresAt } = share
  return (
    <>
      <div className="min-w-0 flex-1 basis-40" data-testid="share">
        {titled && <p className="truncate text-sm font-medium">{title || 'New chat'}</p>}
        <p className="text-sm">
          <code className="font-mono text-xs text-muted">…{hint}</code> {messageCount}{' '}
          {messageCount === 1 ? 'message' : 'messages'}
          {hasPassword && ', with a password'}
        </p>
        <p className="mt-0.5 text-sm text-muted">
          Made <When at={new Date(createdAt)} /> ·{' '}
          {expiresAt === null ? 'never ends' : `ends ${dayOf(new Date(expiresAt))}`}
        </p>
        {error && (
          <p role="alert" className="mt-1 text-sm text-danger">
            {sentence(error)}
          </p>
        )}
      </div>
      <Button
        aria-label={`Revoke the link that ends in ${hint}`}
        data-testid="share-revoke"
        disabled={isPending}
        onClick={() => {
          mutate(share.id)
        }}
      >
        Revoke
      </Button>
    </>
  )
}
