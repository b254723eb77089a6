import type { Chat } from '@/api/client'
import type { ChatChanges } from '@/api/filing'
import { exportAddress } from '@/api/transfer'
import { Action, ActionDownload, ActionGroup, Actions } from '@/ui/actions'
import type { Task } from './item'

interface ChatMenuProps {
  chat: Chat
  onChange: (changes: ChatChanges) => void
  onRename: () => void
  onTask: (task: Task) => void
}

/** What can be done with a chat. */
export function ChatMenu({ chat, onChange, onRename, onTask }: ChatMenuProps) {
  const task = (name: Task) => () => {
    onTask(name)
  }
  return (
    <Actions label={`What to do with ${chat.title || 'New chat'}`} icon="more" testId="chat-menu" look={look}>
      <Action
        icon="pin"
        testId="chat-pin"
        onSelect={() => {
          onChange({ pinned: !chat.pinned })
        }}
      >
        {chat.pinned ? 'Unpin' : 'Pin'}
      </Action>
      <Action icon="pencil" testId="chat-rename" onSelect={onRename}>
        Rename
      </Action>
      <Action icon="folder" testId="chat-move" onSelect={task('move')}>
        Move to a folder…
      </Action>
      <Action icon="tag" testId="chat-tags" onSelect={task('tag')}>
        Tags…
      </Action>
      <Action icon="share" testId="chat-share" disabled={chat.messageCount === 0} onSelect={task('share')}>
        Share…
      </Action>
      <Action
        icon="archive"
        testId="chat-archive"
        onSelect={() => {
          onChange({ archived: !chat.archived })
        }}
      >
        {chat.archived ? 'Take out of the archive' : 'Archive'}
      </Action>
      <Action icon="select" testId="chat-select" onSelect={task('select')}>
        Select
      </Action>
      <ActionGroup title="Export">
        <ActionDownload href={exportAddress(chat.id, 'markdown')}>Markdown</ActionDownload>
        <ActionDownload href={exportAddress(chat.id, 'html')}>A page to print</ActionDownload>
        <ActionDownload href={exportAddress(chat.id, 'json')}>JSON, with all branches</ActionDownload>
      </ActionGroup>
      <hr className="my-1 border-line" />
      <Action icon="trash" testId="chat-delete" danger onSelect={task('delete')}>
        Delete…
      </Action>
    </Actions>
  )
}

export const look =
  'inline-flex size-7 items-center justify-center rounded-lg text-muted transition-colors hover:bg-line hover:text-ink aria-expanded:bg-line aria-expanded:text-ink'
