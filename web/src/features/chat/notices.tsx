import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { entranceFrom } from '@/lib/next'
import { useMe } from '@/queries/me'
import { Button, IconButton } from '@/ui/button'
import { Icon } from '@/ui/icon'
import { Notice, Skeleton } from '@/ui/placeholder'

export function Loading() {
  return (
    <div role="status" aria-label="Loading the chat" className="flex flex-col gap-7">
      <Skeleton className="h-11 w-1/2 self-end rounded-2xl" />
      <div className="flex flex-col gap-3">
        <Skeleton className="h-4 w-11/12" />
        <Skeleton className="h-4 w-full" />
        <Skeleton className="h-4 w-3/5" />
      </div>
      <Skeleton className="h-11 w-2/5 self-end rounded-2xl" />
      <div className="flex flex-col gap-3">
        <Skeleton className="h-4 w-full" />
        <Skeleton className="h-4 w-4/5" />
      </div>
    </div>
  )
}

/** Says that an answer begins and ends; reading every token aloud would be noise. */
export function Announcer({ busy }: { busy: boolean }) {
  const [begun, setBegun] = useState(busy)
  if (busy && !begun) setBegun(true)
  return (
    <p role="status" aria-live="polite" data-testid="announcer" className="sr-only">
      {busy ? 'The answer is being written.' : begun ? 'The answer has ended.' : ''}
    </p>
  )
}

export function Jump({ onClick }: { onClick: () => void }) {
  return (
    <button
      type="button"
      onClick={onClick}
      className="absolute -top-12 left-1/2 inline-flex h-9 -translate-x-1/2 items-center gap-2 rounded-full border border-line bg-surface px-4 text-sm font-medium shadow-md hover:bg-panel"
    >
      <Icon name="down" /> Jump to latest
    </button>
  )
}

/** Stands where the chat begins, so that nobody writes in it believing that it is kept. */
export function TemporaryNotice() {
  return (
    <p
      data-testid="temporary-notice"
      className="flex items-start gap-2 rounded-xl border border-line bg-panel px-4 py-3 text-sm text-muted"
    >
      <Icon name="clock" className="mt-0.5 size-4" />
      <span>
        <strong className="font-medium text-ink">This chat is temporary.</strong> It is in no list and no search, and it
        is gone an hour after its last activity, or as soon as you sign out.
      </span>
    </p>
  )
}

/** Says that another version of the chat is shown than the one that goes on. */
export function Aside({ disabled, onChoose }: { disabled: boolean; onChoose: () => void }) {
  return (
    <div
      role="status"
      data-testid="aside"
      className="mb-2 flex flex-wrap items-center gap-x-3 gap-y-1 rounded-lg bg-panel py-1 ps-4 pe-1 text-sm text-muted"
    >
      <span className="flex-1">You are reading another version of this chat.</span>
      <Button disabled={disabled} onClick={onChoose}>
        Go on with it
      </Button>
    </div>
  )
}

export function Reconnecting() {
  return (
    <p
      data-testid="reconnecting"
      role="status"
      className="mb-2 flex items-center gap-2 rounded-lg bg-warn-soft px-4 py-2 text-sm text-warn"
    >
      <span className="size-3.5 animate-spin rounded-full border-2 border-current border-t-transparent" />
      Reconnecting… The answer goes on meanwhile, and nothing is lost.
    </p>
  )
}

export function Trouble({ message, onDismiss }: { message: string; onDismiss: () => void }) {
  return (
    <div
      role="alert"
      className="mb-2 flex items-center gap-2 rounded-lg bg-danger-soft py-1 ps-4 pe-1 text-sm text-danger"
    >
      <span className="flex-1">{message}</span>
      <IconButton icon="close" label="Dismiss" onClick={onDismiss} />
    </div>
  )
}

export function Unknown() {
  const { data: me } = useMe()
  const [location, navigate] = useLocation()
  return (
    <Notice
      title="This chat does not exist"
      action={
        <Button
          kind="primary"
          icon="plus"
          onClick={() => {
            navigate('/')
          }}
        >
          Start a new chat
        </Button>
      }
    >
      <title>Chat not found – Penstock</title>
      It may have been deleted, it may have been a temporary one, or it belongs to someone else.{' '}
      {me?.isSignedIn === false && (
        <>
          If it is yours,{' '}
          <Link href={entranceFrom('/sign-in', location, '')} className="text-accent underline underline-offset-3">
            sign in
          </Link>{' '}
          to see it.
        </>
      )}
    </Notice>
  )
}
