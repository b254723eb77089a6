import { useShares } from '@/queries/shares'
import { ShareRow } from '../sharing/row'
import { Rows } from './section'

/** All that is shared, of whichever chat. */
export function Links() {
  const { data, error, refetch } = useShares()
  return (
    <Rows items={data} error={error} onRetry={() => void refetch()} noun="links" empty="You share nothing.">
      {(share) => <ShareRow share={share} titled />}
    </Rows>
  )
}
