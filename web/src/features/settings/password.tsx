import { type SyntheticEvent, useState } from 'react'
import type { Me } from '@/api/client'
import { codeOf, sentence } from '@/api/errors'
import { useChangePassword } from '@/queries/me'
import { Button } from '@/ui/button'
import { Field, Outcome } from '@/ui/field'

export function PasswordForm({ me }: { me: Me }) {
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const { mutate, isPending, error, isSuccess, reset } = useChangePassword()
  const said = error ? sentence(error) : undefined
  const where = { credentials_wrong: 'current', password_invalid: 'new', password_breached: 'new' }[codeOf(error) ?? '']
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    mutate(
      { currentPassword: me.hasPassword ? current : null, newPassword: next },
      {
        onSuccess: () => {
          setCurrent('')
          setNext('')
        },
      },
    )
  }
  return (
    <form onSubmit={onSubmit} onChange={reset} className="flex max-w-md flex-col gap-4">
      {/* Password managers look for whose password it is. */}
      <input hidden readOnly type="text" name="username" autoComplete="username" value={me.email ?? ''} />
      {me.hasPassword ? (
        <Field
          label="Present password"
          name="current"
          type="password"
          autoComplete="current-password"
          required
          error={where === 'current' ? 'This is not your password.' : undefined}
          value={current}
          onChange={(event) => {
            setCurrent(event.target.value)
          }}
        />
      ) : (
        <p className="text-sm text-muted">You sign in elsewhere. With a password you can sign in here as well.</p>
      )}
      <Field
        label="New password"
        name="new"
        type="password"
        autoComplete="new-password"
        required
        hint={`At least ${me.limits.passwordMinChars} characters.`}
        error={where === 'new' ? said : undefined}
        value={next}
        onChange={(event) => {
          setNext(event.target.value)
        }}
      />
      <div className="flex flex-wrap items-center gap-4">
        <Button type="submit" disabled={isPending}>
          {isPending ? 'Changing…' : 'Change password'}
        </Button>
        <Outcome
          error={where === undefined ? said : undefined}
          done={isSuccess ? 'Changed. Your other sessions have ended.' : undefined}
        />
      </div>
    </form>
  )
}
