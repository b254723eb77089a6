import { useState } from 'react'
import { useLocation } from 'wouter'
import type { Me } from '@/api/client'
import { codeOf, sentence } from '@/api/errors'
import { useDeleteMe } from '@/queries/auth'
import { Button } from '@/ui/button'
import { Confirm } from '@/ui/confirm'
import { Field } from '@/ui/field'

export function Deletion({ me }: { me: Me }) {
  const [asking, setAsking] = useState(false)
  return (
    <>
      <p className="max-w-prose text-sm leading-relaxed">
        All your chats and messages go, with the answers that are being written, your sessions
        {me.kind === 'guest' ? '' : ', your API tokens'} and your name{me.email === null ? '' : ' and address'}.
        {me.kind === 'owner' && ' You own this server: it has no owner then.'}
      </p>
      <Button
        className="mt-4 border-danger text-danger"
        icon="trash"
        onClick={() => {
          setAsking(true)
        }}
      >
        Delete {me.kind === 'guest' ? 'everything' : 'my account'}
      </Button>
      {asking && (
        <Question
          me={me}
          onClose={() => {
            setAsking(false)
          }}
        />
      )}
    </>
  )
}

function Question({ me, onClose }: { me: Me; onClose: () => void }) {
  const [, navigate] = useLocation()
  const [typed, setTyped] = useState('')
  const [password, setPassword] = useState('')
  const { mutate, isPending, error, reset } = useDeleteMe(() => {
    navigate('/')
  })
  const word = me.email ?? 'delete'
  const isWrong = codeOf(error) === 'credentials_wrong'
  return (
    <Confirm
      title={me.kind === 'guest' ? 'Delete everything?' : 'Delete your account?'}
      confirm="Delete for ever"
      keep="Keep it"
      testId="account-delete-confirm"
      busy={isPending}
      ready={typed.trim().toLowerCase() === word}
      error={error && !isWrong ? sentence(error) : undefined}
      onConfirm={() => {
        mutate({ password: me.hasPassword ? password : null })
      }}
      onClose={onClose}
    >
      <p>Nothing of it can be brought back.</p>
      <div className="mt-4 flex flex-col gap-4 text-ink">
        <Field
          label={`Type “${word}” to confirm`}
          name="confirmation"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value)
          }}
        />
        {me.hasPassword && (
          <Field
            label="Your password"
            name="password"
            type="password"
            autoComplete="current-password"
            required
            error={isWrong ? 'This is not your password.' : undefined}
            value={password}
            onChange={(event) => {
              reset()
              setPassword(event.target.value)
            }}
          />
        )}
      </div>
    </Confirm>
  )
}
