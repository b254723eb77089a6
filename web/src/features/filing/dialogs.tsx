import type { Chat } from '@/api/client'
import type { Folder } from '@/api/filing'
import { useChangeChat } from '@/queries/chats'
import { useUpdateFolder } from '@/queries/folders'
import ShareSheet from '../sharing/share'
import { ChatDeletion, FolderDeletion } from './deletion'
import { FolderForm } from './folderform'
import { Mover } from './mover'
import { Tagger } from './tagger'

/** What is being done that needs a dialog. */
export type Doing =
  | { task: 'delete' | 'move' | 'tag' | 'share'; chat: Chat }
  | { task: 'folder-delete' | 'folder-move'; folder: Folder }
  | { task: 'folder-add'; parentId: string | null }

export default function Dialogs({ doing, onClose }: { doing: Doing; onClose: () => void }) {
  switch (doing.task) {
    case 'delete':
      return <ChatDeletion chat={doing.chat} onClose={onClose} />
    case 'tag':
      return <Tagger chat={doing.chat} onClose={onClose} />
    case 'move':
      return <ChatMover chat={doing.chat} onClose={onClose} />
    case 'share':
      return <ShareSheet chatId={doing.chat.id} onClose={onClose} />
    case 'folder-delete':
      return <FolderDeletion folder={doing.folder} onClose={onClose} />
    case 'folder-move':
      return <FolderMover folder={doing.folder} onClose={onClose} />
    case 'folder-add':
      return <FolderForm parentId={doing.parentId} onClose={onClose} />
  }
}

function ChatMover({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const { mutate, isPending, error } = useChangeChat()
  const onMove = (folderId: string | null): void => {
    mutate({ chatId: chat.id, changes: { folderId } }, { onSuccess: onClose })
  }
  return (
    <Mover
      title="Move this chat"
      here={chat.folderId}
      busy={isPending}
      error={error}
      onMove={onMove}
      onClose={onClose}
    />
  )
}

function FolderMover({ folder, onClose }: { folder: Folder; onClose: () => void }) {
  const { mutate, isPending, error } = useUpdateFolder()
  const onMove = (parentId: string | null): void => {
    mutate({ folderId: folder.id, changes: { parentId } }, { onSuccess: onClose })
  }
  return (
    <Mover
      title={`Move “${folder.name}”`}
      here={folder.parentId}
      moving={folder.id}
      busy={isPending}
      error={error}
      onMove={onMove}
      onClose={onClose}
    />
  )
}
