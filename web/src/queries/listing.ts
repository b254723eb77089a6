/** What changes make of lists of chats and of folders (CH4, CH5, CH6, CH8). Pure. */
import type { Chat } from '@/api/client'
import type { Folder, Which } from '@/api/filing'
import type { Change } from '@/streams/changes'

type Listed = Pick<Chat, 'id' | 'updatedAt'> & Partial<Pick<Chat, 'folderId' | 'archived' | 'pinned' | 'tags'>>

/** A list of chats after changes. Of one that is not complete the end is not known. */
export function fold<T extends Listed>(chats: T[], changes: Change[], complete: boolean, which: Which = {}): T[] {
  return changes.reduce((listed, change) => {
    if (change.type === 'chat-delete') return listed.filter(({ id }) => id !== change.chatId)
    if (change.type === 'folder-delete') {
      const moved = listed.map((chat) =>
        chat.folderId === change.folderId ? { ...chat, folderId: change.parentId } : chat,
      )
      return moved.filter((chat) => belongs(which, chat))
    }
    if (change.type !== 'chat-set') return listed
    const chat = change.chat as unknown as T
    const others = listed.filter(({ id }) => id !== chat.id)
    if (!belongs(which, chat)) return others
    const last = listed.at(-1)
    const isShown = complete || others.length < listed.length || !last || isLater(chat, last)
    return isShown ? [...others, chat].sort((a, b) => (isLater(a, b) ? -1 : 1)) : listed
  }, chats)
}

function belongs({ archived, pinned, folder, tag }: Which, chat: Listed): boolean {
  return (
    (chat.archived ?? false) === (archived ?? false) &&
    (!pinned || chat.pinned === true) &&
    (folder === undefined || chat.folderId === folder) &&
    (tag === undefined || chat.tags?.includes(tag) === true)
  )
}

function isLater(a: Listed, b: Listed): boolean {
  const [here, there] = [Date.parse(a.updatedAt), Date.parse(b.updatedAt)]
  return here === there ? a.id > b.id : here > there
}

export function foldFolders(folders: Folder[], changes: Change[]): Folder[] {
  return changes.reduce((listed, change) => {
    if (change.type === 'folder-set') {
      const { folder } = change
      const others = listed.filter(({ id }) => id !== folder.id)
      return [...others, folder].sort((a, b) => (a.id < b.id ? -1 : 1))
    }
    if (change.type !== 'folder-delete') return listed
    const { folderId, parentId } = change
    return listed
      .filter(({ id }) => id !== folderId)
      .map((folder) => (folder.parentId === folderId ? { ...folder, parentId } : folder))
  }, folders)
}
