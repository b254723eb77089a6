import { useLocation } from 'wouter'
import type { Chat } from '@/api/client'
import { sentence } from '@/api/errors'
import type { Folder } from '@/api/filing'
import { useDeleteChat } from '@/queries/chats'
import { useConversations } from '@/queries/conversations'
import { useDeleteFolder } from '@/queries/folders'
import { Confirm } from '@/ui/confirm'

export function ChatDeletion({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const conversations = useConversations()
  const { mutate: remove, error, isPending } = useDeleteChat()
  const [location, navigate] = useLocation()
  const onConfirm = (): void => {
    remove(chat.id, {
      onSuccess: () => {
        if (location === `/chats/${chat.id}`) navigate('/')
        conversations.forget(chat.id)
        onClose()
      },
    })
  }
  return (
    <Confirm
      title="Delete this chat?"
      confirm="Delete"
      keep="Keep it"
      testId="chat-delete-confirm"
      busy={isPending}
      error={error ? sentence(error) : undefined}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      “{chat.title || 'New chat'}” and all its messages will be gone. This cannot be undone.
    </Confirm>
  )
}

export function FolderDeletion({ folder, onClose }: { folder: Folder; onClose: () => void }) {
  const { mutate: remove, error, isPending } = useDeleteFolder()
  return (
    <Confirm
      title="Delete this folder?"
      confirm="Delete"
      keep="Keep it"
      testId="folder-delete-confirm"
      busy={isPending}
      error={error ? sentence(error) : undefined}
      onConfirm={() => {
        remove(folder.id, { onSuccess: onClose })
      }}
      onClose={onClose}
    >
      What is in “{folder.name}” stays: it moves to where the folder is now.
    </Confirm>
  )
}
