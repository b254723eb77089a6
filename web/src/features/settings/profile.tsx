import { type SyntheticEvent, useState } from 'react'
import type { Me } from '@/api/client'
import { codeOf, sentence } from '@/api/errors'
import { useUpdateMe } from '@/queries/me'
import { Button } from '@/ui/button'
import { Field, Outcome } from '@/ui/field'

export function ProfileForm({ me }: { me: Me }) {
  const [name, setName] = useState(me.name ?? '')
  const [email, setEmail] = useState(me.email ?? '')
  const [password, setPassword] = useState('')
  const { mutate, isPending, error, isSuccess, reset } = useUpdateMe()
  const isMoving = me.email !== null && email.trim() !== me.email
  const isChanged = isMoving || name.trim() !== (me.name ?? '')
  const said = error ? sentence(error) : undefined
  const where = { email_invalid: 'email', email_taken: 'email', credentials_wrong: 'password' }[codeOf(error) ?? '']
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    mutate({ name, ...(isMoving && { email, password: me.hasPassword ? password : null }) })
  }
  return (
    <form onSubmit={onSubmit} onChange={reset} className="flex max-w-md flex-col gap-4">
      <Field
        label="Name"
        name="name"
        autoComplete="name"
        maxLength={200}
        value={name}
        onChange={(event) => {
          setName(event.target.value)
        }}
      />
      {me.email !== null && (
        <Field
          label="Email"
          name="email"
          inputMode="email"
          autoComplete="email"
          autoCapitalize="none"
          spellCheck={false}
          required
          maxLength={254}
          error={where === 'email' ? said : undefined}
          value={email}
          onChange={(event) => {
            setEmail(event.target.value)
          }}
        />
      )}
      {isMoving && me.hasPassword && (
        <Field
          label="Your password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          hint="Needed for another address."
          error={where === 'password' ? 'This is not your password.' : undefined}
          value={password}
          onChange={(event) => {
            setPassword(event.target.value)
          }}
        />
      )}
      <div className="flex flex-wrap items-center gap-4">
        <Button kind="primary" type="submit" disabled={isPending || !isChanged}>
          {isPending ? 'Saving…' : 'Save'}
        </Button>
        <Outcome error={where === undefined ? said : undefined} done={isSuccess ? 'Saved.' : undefined} />
      </div>
    </form>
  )
}
