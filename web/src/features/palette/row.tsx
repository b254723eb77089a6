import type { Hit } from '@/api/search'
import { Icon } from '@/ui/icon'
import { When } from '@/ui/when'
import type { Entry } from './entries'

interface RowProps {
  id: string
  entry: Entry
  /** Before the first of its kind. */
  heading: string | undefined
  active: boolean
  onChoose: () => void
}

export function Row({ id, entry, heading, active, onChoose }: RowProps) {
  return (
    <>
      {heading !== undefined && (
        <li role="presentation" className="px-3 pt-2 pb-1 text-xs font-medium text-muted">
          {heading}
        </li>
      )}
      <li
        id={id}
        role="option"
        aria-selected={active}
        data-testid={`palette-${entry.kind}`}
        ref={(row) => {
          if (active) row?.scrollIntoView({ block: 'nearest' })
        }}
        onClick={onChoose}
        className="flex cursor-pointer items-center gap-3 rounded-xl px-3 py-2 text-sm hover:bg-line/45 aria-selected:bg-soft"
      >
        <Content entry={entry} />
      </li>
    </>
  )
}

function Content({ entry }: { entry: Entry }) {
  switch (entry.kind) {
    case 'command':
      return (
        <>
          <Icon name={entry.command.icon} className="size-4 text-muted" />
          <span className="flex-1">{entry.command.name}</span>
          {entry.command.keys !== undefined && <kbd className="font-sans text-xs text-muted">{entry.command.keys}</kbd>}
        </>
      )
    case 'chat':
      return (
        <>
          <Icon name={entry.chat.pinned ? 'pin' : 'inbox'} className="size-4 text-muted" />
          <span className="min-w-0 flex-1 truncate">{entry.chat.title || 'New chat'}</span>
          <span className="text-xs text-muted">
            <When at={new Date(entry.chat.lastMessageAt ?? entry.chat.createdAt)} />
          </span>
        </>
      )
    case 'hit':
      return <Found hit={entry.hit} />
  }
}

/** A message with what was looked for marked in it. It is plain text, whatever it holds. */
function Found({ hit: { title, role, snippet, createdAt, archived } }: { hit: Hit }) {
  return (
    <span className="min-w-0 flex-1">
      <span className="flex items-baseline gap-3">
        <span className="min-w-0 flex-1 truncate font-medium">{title || 'New chat'}</span>
        <span className="shrink-0 text-xs text-muted">
          {role === 'user' ? 'You' : 'Answer'}
          {archived ? ', archived' : ''} · <When at={new Date(createdAt)} />
        </span>
      </span>
      <span className="line-clamp-2 break-words text-muted">
        {snippet.map(({ text, isMarked }, index) =>
          isMarked ? (
            <mark key={index} className="rounded-xs bg-soft font-medium text-ink">
              {text}
            </mark>
          ) : (
            <span key={index}>{text}</span>
          ),
        )}
      </span>
    </span>
  )
}
