import { useLocation } from 'wouter'
import type { Session } from '@/api/client'
import { sentence } from '@/api/errors'
import { useSignOut } from '@/queries/auth'
import { useEndOtherSessions, useEndSession, useSessions } from '@/queries/sessions'
import { Badge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { Outcome } from '@/ui/field'
import { When } from '@/ui/when'
import { deviceOf } from './device'
import { Rows } from './section'

export function Sessions() {
  const { data, error, refetch } = useSessions()
  const others = useEndOtherSessions()
  const here = data?.toSorted((a, b) => Number(b.isCurrent) - Number(a.isCurrent))
  return (
    <div className="flex flex-col items-start gap-3">
      <div className="w-full">
        <Rows items={here} error={error} onRetry={() => void refetch()} noun="sessions" empty="There are none.">
          {(session) => <Row session={session} />}
        </Rows>
      </div>
      {data && data.length > 1 && (
        <Button
          disabled={others.isPending}
          onClick={() => {
            others.mutate()
          }}
        >
          Sign out everywhere else
        </Button>
      )}
      <Outcome error={others.error ? sentence(others.error) : undefined} />
    </div>
  )
}

function Row({ session }: { session: Session }) {
  const device = deviceOf(session.userAgent)
  return (
    <>
      <div className="min-w-0 flex-1 basis-48" data-testid="session">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm font-medium" title={session.userAgent}>
          <span className="truncate">{device}</span> {session.isCurrent && <Badge>This one</Badge>}
        </p>
        <p className="mt-0.5 text-sm break-words text-muted">
          From {session.address} · used <When at={new Date(session.seenAt)} />
        </p>
      </div>
      {session.isCurrent ? <Leave /> : <Revoke id={session.id} device={device} />}
    </>
  )
}

function Leave() {
  const [, navigate] = useLocation()
  const { mutate, isPending, error } = useSignOut(() => {
    navigate('/')
  })
  return (
    <Button
      disabled={isPending}
      title={error ? sentence(error) : undefined}
      onClick={() => {
        mutate(undefined)
      }}
    >
      Sign out
    </Button>
  )
}

function Revoke({ id, device }: { id: string; device: string }) {
  const { mutate, isPending, error } = useEndSession()
  return (
    <>
      <Button
        aria-label={`Revoke ${device}`}
        data-testid="session-revoke"
        disabled={isPending}
        onClick={() => {
          mutate(id)
        }}
      >
        Revoke
      </Button>
      {error && (
        <p role="alert" className="w-full text-sm text-danger">
          {sentence(error)}
        </p>
      )}
    </>
  )
}
