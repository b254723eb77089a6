import { distance, moment } from '@/lib/times'

/** A time as the distance from now; pointing at it shows the exact one. */
export function When({ at }: { at: Date }) {
  return (
    <time dateTime={at.toISOString()} title={moment(at)}>
      {distance(at, new Date())}
    </time>
  )
}
