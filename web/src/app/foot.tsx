import { useId } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import type { Me } from '@/api/client'
import { sentence } from '@/api/errors'
import { entranceFrom } from '@/lib/next'
import { useSignOut } from '@/queries/auth'
import { titleOf, useMe } from '@/queries/me'
import { Button } from '@/ui/button'
import { Icon } from '@/ui/icon'
import { Menu, menuEntry } from '@/ui/menu'
import { Skeleton } from '@/ui/placeholder'

/** The end of the sidebar: who one is here, and what there is for them. */
export function Foot() {
  const { data: me, error, refetch } = useMe()
  return (
    <div data-testid="foot" className="-mx-3 -mb-3 border-t border-line px-2 py-2">
      {me ? (
        <>
          <Hint me={me} />
          <Account me={me} />
        </>
      ) : error ? (
        <div role="alert" className="flex items-center justify-between gap-2 p-2 text-sm text-muted">
          Who you are could not be asked.
          <Button icon="again" className="shrink-0" onClick={() => void refetch()}>
            Try again
          </Button>
        </div>
      ) : (
        <Skeleton className="m-2 h-9" />
      )}
    </div>
  )
}

/** What an account is good for, for whoever has none. */
function Hint({ me }: { me: Me }) {
  const signUp = useEntrance('/sign-up')
  if (!me.features.signUp || (me.isSignedIn && me.kind !== 'guest')) return null
  return (
    <p data-testid="account-hint" className="px-2 pt-1.5 pb-2.5 text-xs leading-relaxed text-muted">
      {me.kind === 'owner'
        ? 'You use this server as its owner. '
        : 'An account keeps your chats and opens them on all your devices. '}
      <Link href={signUp} className="font-medium text-accent underline underline-offset-2 hover:text-accent-strong">
        Create an account
      </Link>
    </p>
  )
}

function Account({ me }: { me: Me }) {
  const { name, about } = titleOf(me)
  return (
    <Menu
      label={`Account: ${[name, about].filter(Boolean).join(', ')}`}
      button={
        <>
          <Initial me={me} name={name} />
          <span className="min-w-0 flex-1 leading-tight">
            <span className="block truncate text-sm font-medium">{name}</span>
            {about !== undefined && <span className="block truncate text-xs text-muted">{about}</span>}
          </span>
          <Icon name="chevron" className="size-4 rotate-180 text-muted" />
        </>
      }
    >
      <Entries me={me} />
    </Menu>
  )
}

function Initial({ me, name }: { me: Me; name: string }) {
  const letter = me.isSignedIn ? (Array.from(name)[0] ?? '') : ''
  return (
    <span
      aria-hidden="true"
      className={`flex size-8 shrink-0 items-center justify-center rounded-full text-sm font-semibold uppercase ${letter ? 'bg-soft text-accent-strong dark:text-accent' : 'border border-dashed border-muted'}`}
    >
      {letter || <Icon name="person" className="size-4 text-muted" />}
    </span>
  )
}

function Entries({ me }: { me: Me }) {
  const signIn = useEntrance('/sign-in')
  return (
    <>
      <li>
        <Link href="/settings" className={menuEntry}>
          <Icon name="settings" className="size-4 text-muted" /> Settings
        </Link>
      </li>
      {me.kind === 'owner' && (
        <li>
          <Link href="/admin/errors" className={menuEntry}>
            <Icon name="inbox" className="size-4 text-muted" /> Error inbox
          </Link>
        </li>
      )}
      {me.kind !== 'regular' && !(me.kind === 'owner' && me.isSignedIn) && (
        <li>
          <Link href={signIn} className={menuEntry}>
            <Icon name="into" className="size-4 text-muted" /> Sign in
          </Link>
        </li>
      )}
      {me.isSignedIn && (
        <li>
          <SignOut />
        </li>
      )}
    </>
  )
}

function SignOut() {
  const [, navigate] = useLocation()
  const about = useId()
  const { mutate, isPending, error } = useSignOut(() => {
    navigate('/')
  })
  return (
    <>
      <button
        type="button"
        disabled={isPending}
        aria-describedby={error ? about : undefined}
        className={menuEntry}
        onClick={() => {
          mutate(undefined)
        }}
      >
        <Icon name="out" className="size-4 text-muted" /> Sign out
      </button>
      {error && (
        <p id={about} role="alert" className="px-2.5 pb-1.5 text-xs text-danger">
          {sentence(error)}
        </p>
      )}
    </>
  )
}

function useEntrance(entrance: '/sign-in' | '/sign-up'): string {
  const [page] = useLocation()
  return entranceFrom(entrance, page, useSearch())
}
