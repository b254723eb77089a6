import { type SyntheticEvent, useState, useSyncExternalStore } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import { sentence, sessionOver } from '@/api/errors'
import { entranceFrom, nextOf } from '@/lib/next'
import { useSignIn } from '@/queries/auth'
import { titleOf, useMe } from '@/queries/me'
import { Button } from '@/ui/button'
import { Field, Outcome } from '@/ui/field'
import { canHover } from '@/ui/media'
import { Frame, Inside, OtherWays } from './frame'
import { reasonIn } from './words'

export default function SignIn() {
  const search = useSearch()
  const [page, navigate] = useLocation()
  const { data: me } = useMe()
  const over = useSyncExternalStore(sessionOver.subscribe, sessionOver.get)
  const [password, setPassword] = useState('')
  const [typed, setTyped] = useState<string>()
  const email = typed ?? (over ? me?.email : undefined) ?? ''
  const onEntered = (): void => {
    navigate(nextOf(search), { replace: true })
  }
  const { mutate, isPending, error } = useSignIn(onEntered)
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    mutate({ email, password })
  }
  if (me?.isSignedIn && me.kind !== 'guest' && !over) return <Inside name={titleOf(me).name} />
  return (
    <Frame title="Sign in" about="What you have made here without an account comes with you.">
      <form onSubmit={onSubmit} className="flex flex-col gap-4">
        <Outcome error={error ? sentence(error) : reasonIn(search)} />
        <Field
          label="Email"
          name="email"
          inputMode="email"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus={canHover()}
          required
          maxLength={254}
          value={email}
          onChange={(event) => {
            setTyped(event.target.value)
          }}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => {
            setPassword(event.target.value)
          }}
        />
        <Button kind="primary" type="submit" className="mt-1 min-h-10" disabled={isPending}>
          {isPending ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
      {me && <OtherWays me={me} onEntered={onEntered} />}
      {me?.features.signUp && (
        <p className="text-center text-sm text-muted">
          No account yet?{' '}
          <Link
            href={entranceFrom('/sign-up', page, search)}
            className="font-medium text-accent underline underline-offset-3"
          >
            Create one
          </Link>
        </p>
      )}
    </Frame>
  )
}
