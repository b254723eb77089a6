import { type KeyboardEvent, useState } from 'react'
import { Link } from 'wouter'
import type { Chat } from '@/api/client'
import { IconButton } from '@/ui/button'

interface ItemProps {
  chat: Chat
  current: boolean
  onRename: (title: string) => void
  onDelete: () => void
}

export function Item({ chat, current, onRename, onDelete }: ItemProps) {
  const [renaming, setRenaming] = useState(false)
  return (
    <li
      data-testid="chat-list-item"
      data-chat-id={chat.id}
      className={`group relative flex items-center rounded-lg ${current ? 'bg-line/70' : 'hover:bg-line/45'}`}
    >
      {renaming ? (
        <TitleInput
          title={chat.title}
          onEnd={(title) => {
            setRenaming(false)
            if (title !== undefined && title !== chat.title) onRename(title)
          }}
        />
      ) : (
        <>
          <Link
            href={`/chats/${chat.id}`}
            aria-current={current ? 'page' : undefined}
            className="flex min-w-0 flex-1 items-center gap-2 rounded-lg px-3 py-2 text-sm group-focus-within:pe-18 group-hover:pe-18 [@media(hover:none)]:pe-18"
          >
            <span className="truncate">{chat.title || 'New chat'}</span>
            {chat.status === 'streaming' && (
              <span
                className="size-2 shrink-0 animate-pulse rounded-full bg-accent"
                role="img"
                aria-label="Answering"
              />
            )}
          </Link>
          <div className="reveal absolute end-1 flex">
            <IconButton
              icon="pencil"
              label={`Rename ${chat.title}`}
              data-testid="chat-rename"
              className="size-7"
              onClick={() => {
                setRenaming(true)
              }}
            />
            <IconButton
              icon="trash"
              label={`Delete ${chat.title}`}
              data-testid="chat-delete"
              className="size-7"
              onClick={onDelete}
            />
          </div>
        </>
      )}
    </li>
  )
}

function TitleInput({ title, onEnd }: { title: string; onEnd: (title?: string) => void }) {
  const [text, setText] = useState(title)
  const save = (): void => {
    onEnd(text.trim() === '' ? undefined : text.trim())
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Enter') save()
    if (event.key === 'Escape') {
      // In the drawer, Escape would close that as well.
      event.preventDefault()
      onEnd()
    }
  }
  return (
    <input
      data-testid="chat-rename-input"
      aria-label="Title of the chat"
      ref={(input) => {
        input?.select()
      }}
      value={text}
      maxLength={200}
      onChange={(event) => {
        setText(event.target.value)
      }}
      onKeyDown={onKeyDown}
      onBlur={save}
      className="min-w-0 flex-1 rounded-lg border border-accent bg-surface px-2.5 py-1.5 text-sm outline-none"
    />
  )
}
