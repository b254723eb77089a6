import { useAllowance } from '@/queries/usage'
import { remark } from './words'

/** Says below the composer how many messages are left, once they are few. */
export function AllowanceNote() {
  const allowance = useAllowance()
  const text = allowance && remark(allowance)
  if (!allowance || text === undefined) return null
  return (
    <p
      role="status"
      data-testid="allowance"
      className={`mt-2 px-4 text-center text-xs tabular-nums ${allowance.remaining === 0 ? 'font-medium text-warn' : 'text-muted'}`}
    >
      {text}
    </p>
  )
}
