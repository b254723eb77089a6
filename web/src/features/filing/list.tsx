import { useRoute } from 'wouter'
import type { Chat } from '@/api/client'
import { sentence } from '@/api/errors'
import type { Which } from '@/api/filing'
import { groupByDay } from '@/lib/days'
import { useChats } from '@/queries/chats'
import { Button } from '@/ui/button'
import { useNear } from '@/ui/near'
import { Skeleton } from '@/ui/placeholder'
import { Item, Nothing, type Task } from './item'
import type { Selection } from './selection'

interface ListProps {
  which: Which
  /** Those that stand in this list; the others are shown elsewhere. */
  shows?: (chat: Chat) => boolean
  /** Under headings of days. */
  byDay?: boolean
  empty: string
  selection: Selection | undefined
  onTask: (task: Task, chat: Chat) => void
}

/** Chats, latest first; more of them come as one scrolls. */
export function List({ which, shows, byDay = false, empty, selection, onTask }: ListProps) {
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useChats(which)
  const [, params] = useRoute('/chats/:chatId')

  if (isPending) return <Waiting />
  if (!data) return <Failed message={sentence(error)} onRetry={() => void refetch()} />
  const all = data.pages.flatMap(({ items }) => items)
  const chats = shows ? all.filter(shows) : all
  const groups = byDay
    ? groupByDay(chats, ({ lastMessageAt, createdAt }) => lastMessageAt ?? createdAt, new Date())
    : [{ heading: undefined, items: chats }]
  return (
    <>
      {chats.length === 0 && !hasNextPage && <Nothing>{empty}</Nothing>}
      {groups.map((group) => (
        <section key={group.heading ?? ''} className={byDay ? 'mb-4' : ''}>
          {group.heading !== undefined && <h2 className="px-3 pb-1 text-xs font-medium text-muted">{group.heading}</h2>}
          <ul className="flex flex-col gap-0.5">
            {group.items.map((chat) => (
              <Item
                key={chat.id}
                chat={chat}
                current={params?.chatId === chat.id}
                selection={selection}
                onTask={onTask}
              />
            ))}
          </ul>
        </section>
      ))}
      {hasNextPage && <More key={data.pages.length} busy={isFetchingNextPage} onReach={() => void fetchNextPage()} />}
    </>
  )
}

/** Asks for more once it comes near the screen; a button for whoever does not scroll. */
function More({ busy, onReach }: { busy: boolean; onReach: () => void }) {
  const box = useNear(undefined, onReach, { margin: 200 })
  return (
    <div ref={box} className="px-1 pb-2">
      <Button className="w-full" disabled={busy} onClick={onReach}>
        {busy ? 'Loading…' : 'Show more'}
      </Button>
    </div>
  )
}

export function Failed({ message, onRetry }: { message: string; onRetry: () => void }) {
  return (
    <div role="alert" className="mb-4 flex flex-col items-start gap-2 px-2 text-sm text-muted">
      <p>{message}</p>
      <Button icon="again" onClick={onRetry}>
        Try again
      </Button>
    </div>
  )
}

function Waiting() {
  return (
    <div role="status" aria-label="Loading your chats" className="flex flex-col gap-3 px-2 pt-1">
      {['w-4/5', 'w-3/5', 'w-11/12', 'w-2/3'].map((width) => (
        <Skeleton key={width} className={`h-4 ${width}`} />
      ))}
    </div>
  )
}
