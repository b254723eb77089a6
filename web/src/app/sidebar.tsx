import { useState, useSyncExternalStore } from 'react'
import { Link, useLocation, useRoute } from 'wouter'
import type { Chat } from '@/api/client'
import { sentence } from '@/api/errors'
import { groupByDay } from '@/lib/days'
import { useChats, useDeleteChat, useRenameChat } from '@/queries/chats'
import { useConversations } from '@/queries/conversations'
import { Button, IconButton } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { Icon } from '@/ui/icon'
import { Mark } from '@/ui/mark'
import { Skeleton } from '@/ui/placeholder'
import { Item } from './item'
import { theme, toggleTheme } from './theme'

export function Sidebar({ onClose }: { onClose?: () => void }) {
  return (
    <div className="flex h-full flex-col gap-4 bg-panel p-3">
      <div className="flex h-9 items-center justify-between ps-1">
        <Link href="/" className="flex items-center gap-2.5 rounded-lg font-semibold tracking-tight">
          <Mark /> Penstock
        </Link>
        {onClose ? <IconButton icon="close" label="Close the menu" onClick={onClose} /> : <ThemeButton />}
      </div>
      <Link
        href="/"
        data-testid="new-chat"
        className="flex h-10 items-center gap-2.5 rounded-lg border border-line bg-surface px-3 text-sm font-medium transition-colors hover:border-accent"
      >
        <Icon name="plus" /> New chat
      </Link>
      <nav aria-label="Chats" className="scrollbar-thin -mx-1 flex min-h-0 flex-1 flex-col overflow-y-auto px-1">
        <Chats />
      </nav>
      {onClose && (
        <div className="border-t border-line pt-2">
          <ThemeButton />
        </div>
      )}
    </div>
  )
}

function ThemeButton() {
  const shown = useSyncExternalStore(theme.subscribe, theme.get)
  const dark = shown === 'dark'
  return (
    <IconButton
      icon={dark ? 'sun' : 'moon'}
      label={dark ? 'Use the light theme' : 'Use the dark theme'}
      onClick={toggleTheme}
    />
  )
}

function Chats() {
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useChats()
  const [leaving, setLeaving] = useState<Chat>()
  const { mutate: rename } = useRenameChat()
  const [, params] = useRoute('/chats/:chatId')

  if (isPending) return <Waiting />
  if (!data) {
    return (
      <div className="flex flex-col items-start gap-2 px-2 text-sm text-muted">
        <p>{sentence(error)}</p>
        <Button icon="again" onClick={() => void refetch()}>
          Try again
        </Button>
      </div>
    )
  }
  const chats = data.pages.flatMap(({ items }) => items)
  if (chats.length === 0) return <p className="px-3 text-sm text-muted">Your chats will be listed here.</p>
  return (
    <>
      {groupByDay(chats, ({ lastMessageAt, createdAt }) => lastMessageAt ?? createdAt, new Date()).map((group) => (
        <section key={group.heading} className="mb-4">
          <h2 className="px-3 pb-1 text-xs font-medium text-muted">{group.heading}</h2>
          <ul className="flex flex-col gap-0.5">
            {group.items.map((chat) => (
              <Item
                key={chat.id}
                chat={chat}
                current={params?.chatId === chat.id}
                onRename={(title) => {
                  rename({ chatId: chat.id, title })
                }}
                onDelete={() => {
                  setLeaving(chat)
                }}
              />
            ))}
          </ul>
        </section>
      ))}
      {hasNextPage && (
        <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Show more
        </Button>
      )}
      {leaving && (
        <DeleteDialog
          chat={leaving}
          current={params?.chatId === leaving.id}
          onClose={() => {
            setLeaving(undefined)
          }}
        />
      )}
    </>
  )
}

function DeleteDialog({ chat, current, onClose }: { chat: Chat; current: boolean; onClose: () => void }) {
  const conversations = useConversations()
  const { mutate: remove, error, isPending } = useDeleteChat()
  const [, navigate] = useLocation()
  const onConfirm = (): void => {
    remove(chat.id, {
      onSuccess: () => {
        if (current) navigate('/')
        conversations.forget(chat.id)
        onClose()
      },
    })
  }
  return (
    <Dialog
      label="Delete this chat?"
      onClose={onClose}
      className="m-auto w-[min(26rem,calc(100%-2rem))] rounded-2xl border border-line bg-surface p-6 shadow-xl"
    >
      <h2 className="text-lg font-semibold">Delete this chat?</h2>
      <p className="mt-2 text-sm break-words text-muted">
        “{chat.title || 'New chat'}” and all its messages will be gone. This cannot be undone.
      </p>
      {error && (
        <p role="alert" className="mt-3 text-sm text-danger">
          {sentence(error)}
        </p>
      )}
      <div className="mt-6 flex justify-end gap-2">
        <Button onClick={onClose}>Keep it</Button>
        <Button kind="danger" data-testid="chat-delete-confirm" disabled={isPending} onClick={onConfirm}>
          Delete
        </Button>
      </div>
    </Dialog>
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
