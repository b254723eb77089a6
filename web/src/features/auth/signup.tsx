import { type SyntheticEvent, useState } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import type { Me } from '@/api/client'
import { codeOf, sentence } from '@/api/errors'
import { entranceFrom, nextOf } from '@/lib/next'
import { useSignUp } from '@/queries/auth'
import { titleOf, useMe } from '@/queries/me'
import { Button } from '@/ui/button'
import { Field, Outcome } from '@/ui/field'
import { canHover } from '@/ui/media'
import { Notice } from '@/ui/placeholder'
import { Frame, Inside, OtherWays } from './frame'

/** By which field a refusal is told. */
const fields: Readonly<Record<string, 'email' | 'password'>> = {
  email_invalid: 'email',
  email_taken: 'email',
  password_invalid: 'password',
  password_breached: 'password',
}

export default function SignUp() {
  const search = useSearch()
  const [page, navigate] = useLocation()
  const { data: me } = useMe()
  const [account, setAccount] = useState({ name: '', email: '', password: '' })
  const onEntered = (): void => {
    navigate(nextOf(search), { replace: true })
  }
  const { mutate, isPending, error } = useSignUp(onEntered)
  const said = error ? sentence(error) : undefined
  const where = fields[codeOf(error) ?? '']
  const set = (change: Partial<typeof account>): void => {
    setAccount({ ...account, ...change })
  }
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    mutate({ ...account, name: account.name.trim() === '' ? null : account.name })
  }
  const signIn = entranceFrom('/sign-in', page, search)
  if (me?.isSignedIn && me.kind !== 'guest') return <Inside name={titleOf(me).name} />
  if (me?.features.signUp === false) return <Closed signIn={signIn} />
  return (
    <Frame title="Create an account" about={promiseTo(me)}>
      <form onSubmit={onSubmit} className="flex flex-col gap-4">
        <Outcome error={where === undefined ? said : undefined} />
        <Field
          label="Name"
          name="name"
          autoComplete="name"
          autoFocus={canHover()}
          hint="Optional. You alone see it."
          maxLength={200}
          value={account.name}
          onChange={(event) => {
            set({ name: event.target.value })
          }}
        />
        <Field
          label="Email"
          name="email"
          inputMode="email"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          maxLength={254}
          error={where === 'email' ? said : undefined}
          value={account.email}
          onChange={(event) => {
            set({ email: event.target.value })
          }}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          required
          hint={`At least ${me?.limits.passwordMinChars ?? 8} characters.`}
          error={where === 'password' ? said : undefined}
          value={account.password}
          onChange={(event) => {
            set({ password: event.target.value })
          }}
        />
        <Button kind="primary" type="submit" className="mt-1 min-h-10" disabled={isPending}>
          {isPending ? 'Creating your account…' : 'Create account'}
        </Button>
      </form>
      {me && <OtherWays me={me} onEntered={onEntered} />}
      <p className="text-center text-sm text-muted">
        An account already?{' '}
        <Link href={signIn} className="font-medium text-accent underline underline-offset-3">
          Sign in
        </Link>
      </p>
    </Frame>
  )
}

function promiseTo(me: Me | undefined): string {
  if (me?.kind === 'owner')
    return 'You own this server, and the first account is the owner’s. All you have made stays yours.'
  return 'Your chats stay yours and open on all your devices. All you have made here comes with you.'
}

function Closed({ signIn }: { signIn: string }) {
  return (
    <Notice
      title="No new accounts"
      action={
        <Link href={signIn} className="rounded-lg bg-accent px-4 py-2 text-sm font-medium text-on-accent">
          Sign in
        </Link>
      }
    >
      <title>No new accounts – Penstock</title>
      This server takes no new accounts. Its owner can make one for you.
    </Notice>
  )
}
