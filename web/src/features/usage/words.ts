import type { Allowance } from '@/queries/usage'

/** From so few on it is said how many are left. */
const few = 10

const time = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })

/** What a person should know of their allowance, or nothing while there is plenty. The time is their own. */
export function remark({ limit, remaining, resetAt }: Allowance, format = time): string | undefined {
  if (remaining >= few) return undefined
  if (limit === 0) return 'Sign in with an account to send messages.'
  const left = remaining === 0 ? 'No messages left today' : `${remaining} of ${limit} messages left today`
  return `${left}. New ones at ${format.format(resetAt)}.`
}
