import { useSyncExternalStore } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import { sentence, sessionOver } from '@/api/errors'
import { entranceFrom, isEntrance } from '@/lib/next'
import { useSignOut } from '@/queries/auth'
import { Icon } from '@/ui/icon'

/** Says that the session has ended, wherever one is. What is on the screen stays; what was typed is kept. */
export function Ended() {
  const over = useSyncExternalStore(sessionOver.subscribe, sessionOver.get)
  const [page, navigate] = useLocation()
  const search = useSearch()
  // The server gives whoever goes on without a session a new visitor.
  const { mutate, isPending, error } = useSignOut(() => {
    navigate('/')
  })
  if (!over) return null
  return (
    <div
      role="alert"
      data-testid="session-ended"
      className="flex flex-wrap items-center gap-x-4 gap-y-1.5 border-b border-line bg-warn-soft px-4 py-2.5 text-sm text-warn md:px-6"
    >
      <p className="flex min-w-56 flex-1 items-start gap-2">
        <Icon name="warning" className="mt-0.5 size-4" />
        {error ? sentence(error) : 'Your session has ended. Sign in again to go on; what you have typed is kept.'}
      </p>
      <div className="flex items-center gap-4 font-medium">
        {!isEntrance(page) && (
          <Link href={entranceFrom('/sign-in', page, search)} className="underline underline-offset-3">
            Sign in
          </Link>
        )}
        <button
          type="button"
          disabled={isPending}
          className="underline underline-offset-3 disabled:opacity-50"
          onClick={() => {
            mutate(undefined)
          }}
        >
          Go on without
        </button>
      </div>
    </div>
  )
}
