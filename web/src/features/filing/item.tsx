import { useState } from 'react'
import { Link } from 'wouter'
import type { Chat } from '@/api/client'
import { useChangeChat } from '@/queries/chats'
import { Icon } from '@/ui/icon'
import { ChatMenu } from './menu'
import { Name } from './name'
import type { Selection } from './selection'

/** What can be dragged to a folder. */
export const dragType = 'application/x-penstock-chat'

export type Task = 'delete' | 'move' | 'tag' | 'share' | 'select'

interface ItemProps {
  chat: Chat
  current: boolean
  selection: Selection | undefined
  /** What needs a dialog of its own. */
  onTask: (task: Task, chat: Chat) => void
}

const row = 'flex min-w-0 flex-1 items-center gap-2 rounded-lg px-3 py-2 text-sm'

export function Item({ chat, current, selection, onTask }: ItemProps) {
  const [renaming, setRenaming] = useState(false)
  const { mutate: change } = useChangeChat()
  const title = chat.title || 'New chat'
  return (
    <li
      data-testid="chat-list-item"
      data-chat-id={chat.id}
      draggable={!renaming && !selection}
      onDragStart={({ dataTransfer }) => {
        dataTransfer.setData(dragType, chat.id)
      }}
      className={`group relative flex items-center rounded-lg ${current ? 'bg-line/70' : 'hover:bg-line/45'}`}
    >
      {selection ? (
        <label className={`${row} cursor-pointer`}>
          <input
            type="checkbox"
            className="size-4 shrink-0 accent-accent"
            checked={selection.ids.has(chat.id)}
            onChange={() => {
              selection.toggle(chat.id)
            }}
          />
          <span className="truncate">{title}</span>
        </label>
      ) : renaming ? (
        <Name
          label="Title of the chat"
          testId="chat-rename-input"
          value={chat.title}
          limit={200}
          onEnd={(name) => {
            setRenaming(false)
            if (name !== undefined) change({ chatId: chat.id, changes: { title: name } })
          }}
        />
      ) : (
        <>
          <Link
            href={`/chats/${chat.id}`}
            aria-current={current ? 'page' : undefined}
            draggable={false}
            className={`${row} group-focus-within:pe-10 group-hover:pe-10 [@media(hover:none)]:pe-10`}
          >
            <span className="truncate">{title}</span>
            {chat.status === 'streaming' && <Answering />}
          </Link>
          <div className="reveal absolute end-1 flex">
            <ChatMenu
              chat={chat}
              onChange={(changes) => {
                change({ chatId: chat.id, changes })
              }}
              onRename={() => {
                setRenaming(true)
              }}
              onTask={(task) => {
                onTask(task, chat)
              }}
            />
          </div>
        </>
      )}
    </li>
  )
}

function Answering() {
  return <span className="size-2 shrink-0 animate-pulse rounded-full bg-accent" role="img" aria-label="Answering" />
}

/** Stands where there are no chats. */
export function Nothing({ children }: { children: string }) {
  return (
    <p className="flex items-center gap-2 px-3 py-1.5 text-sm text-muted">
      <Icon name="inbox" className="size-4" /> {children}
    </p>
  )
}
