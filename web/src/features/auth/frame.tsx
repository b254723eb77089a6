import type { ReactNode } from 'react'
import { Link, useSearch } from 'wouter'
import type { Me } from '@/api/client'
import { sentence } from '@/api/errors'
import { nextOf } from '@/lib/next'
import { useBecomeGuest, useElsewhere } from '@/queries/auth'
import { Button } from '@/ui/button'
import { Outcome } from '@/ui/field'
import { Mark } from '@/ui/mark'
import { Notice } from '@/ui/placeholder'

/** A small page in the middle of the screen. */
export function Frame({ title, about, children }: { title: string; about: ReactNode; children: ReactNode }) {
  return (
    <div className="scrollbar-thin flex flex-1 flex-col overflow-y-auto px-5">
      <title>{`${title} – Penstock`}</title>
      <div className="m-auto flex w-full max-w-sm flex-col py-10">
        <Mark className="size-10" />
        <h1 className="mt-5 text-2xl font-semibold tracking-tight">{title}</h1>
        <p className="mt-2 text-sm leading-relaxed text-muted">{about}</p>
        <div className="mt-7 flex flex-col gap-5">{children}</div>
      </div>
    </div>
  )
}

/** Ways in without a form. */
export function OtherWays({ me, onEntered }: { me: Me; onEntered: () => void }) {
  const next = nextOf(useSearch())
  const guest = useBecomeGuest(onEntered)
  const elsewhere = useElsewhere(next)
  const error = guest.error ?? elsewhere.error
  const { oidc, guests } = me.features
  const canBeGuest = guests && !me.isSignedIn && me.kind === 'anonymous'
  if (oidc === null && !canBeGuest) return null
  return (
    <div className="flex flex-col gap-3">
      <p className="flex items-center gap-3 text-xs text-muted before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
        or
      </p>
      {oidc !== null && (
        <Button
          className="min-h-10"
          disabled={elsewhere.isPending || elsewhere.isSuccess}
          onClick={() => {
            elsewhere.mutate()
          }}
        >
          Continue with {oidc}
        </Button>
      )}
      {canBeGuest && (
        <Button
          className="min-h-10"
          data-testid="guest"
          disabled={guest.isPending}
          onClick={() => {
            guest.mutate(undefined)
          }}
        >
          Continue as guest
        </Button>
      )}
      <Outcome error={error ? sentence(error) : undefined} />
    </div>
  )
}

/** For whoever comes to an entrance and is in already. */
export function Inside({ name }: { name: string }) {
  return (
    <Notice
      title="You are signed in"
      action={
        <Link href="/" className="rounded-lg bg-accent px-4 py-2 text-sm font-medium text-on-accent">
          Go to the start page
        </Link>
      }
    >
      <title>Signed in – Penstock</title>
      This browser is signed in as <span className="font-medium break-words text-ink">{name}</span>. To use another
      account, sign out first.
    </Notice>
  )
}
