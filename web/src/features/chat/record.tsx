import type { Status, Facts, Metadata } from '@/streams/message'
import { Popover } from '@/ui/popover'
import { linesOf } from './recording'

/** How an answer came to be, behind an icon. */
export function Record({ metadata, facts, status }: { metadata: Metadata; facts: Facts; status: Status }) {
  return (
    <Popover label="How this answer was made" icon="info" testId="record" className="w-80 p-4">
      {() => (
        <dl data-testid="record-lines" className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-5 gap-y-1.5">
          {linesOf(metadata, facts, status).map(({ name, value }) => (
            <div key={name} className="contents">
              <dt className="text-muted">{name}</dt>
              <dd className="text-end break-words tabular-nums">{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </Popover>
  )
}
