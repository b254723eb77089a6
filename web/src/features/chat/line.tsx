import type { Waiting } from '@/queries/messages'
import { IconButton } from '@/ui/button'
import { Icon } from '@/ui/icon'

/** The messages that wait for the answer that runs; each can be taken out. */
export function Line({ waiting, onWithdraw }: { waiting: readonly Waiting[]; onWithdraw: (runId: string) => void }) {
  if (waiting.length === 0) return null
  return (
    <section aria-label="Messages in line" className="mb-2 rounded-2xl bg-panel p-1.5 text-sm">
      <ol>
        {waiting.map(({ id, text, runId }) => (
          <li key={id} data-testid="waiting" className="flex items-center gap-2.5 ps-2.5">
            <Icon name="clock" className="size-4 text-muted" />
            <span className="min-w-0 flex-1 truncate">{text}</span>
            <IconButton
              icon="close"
              label="Take out of the line"
              className="size-8"
              disabled={runId === undefined}
              onClick={() => {
                if (runId !== undefined) onWithdraw(runId)
              }}
            />
          </li>
        ))}
      </ol>
    </section>
  )
}
