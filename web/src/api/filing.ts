/** The calls about where chats are kept. */
import { strict } from './client'
import * as sdk from './generated/sdk.gen'
import type {
  ChatChanges,
  ChatPage,
  ChatShape as Chat,
  FolderChanges,
  FolderList,
  FolderShape as Folder,
  ManyChats,
  NewFolder,
  TagShape as Tag,
} from './generated/types.gen'

export type { ChatChanges, Folder, FolderChanges, FolderList, ManyChats, NewFolder, Tag }

/** Which chats a list is of; those that are put away are in no other list. */
export interface Which {
  archived?: true
  pinned?: true
  folder?: string
  tag?: string
}

const pageSize = 30

export async function getChats(which: Which, cursor: string | undefined, signal: AbortSignal): Promise<ChatPage> {
  const query = { ...which, limit: pageSize, ...(cursor !== undefined && { cursor }) }
  return (await sdk.listChats({ ...strict, signal, query })).data
}

export async function changeChat(chatId: string, body: ChatChanges): Promise<Chat> {
  return (await sdk.updateChat({ ...strict, path: { chat_id: chatId }, body })).data
}

/** All of them, or none. */
export async function changeChats(body: ManyChats): Promise<void> {
  await sdk.changeChats({ ...strict, body })
}

export async function getFolders(signal: AbortSignal): Promise<FolderList> {
  return (await sdk.listFolders({ ...strict, signal })).data
}

export async function createFolder(body: NewFolder): Promise<Folder> {
  return (await sdk.createFolder({ ...strict, body })).data
}

export async function updateFolder(folderId: string, body: FolderChanges): Promise<Folder> {
  return (await sdk.updateFolder({ ...strict, path: { folder_id: folderId }, body })).data
}

/** What is in it stays, in the folder around it. */
export async function deleteFolder(folderId: string): Promise<void> {
  await sdk.deleteFolder({ ...strict, path: { folder_id: folderId } })
}

export async function getTags(signal: AbortSignal): Promise<Tag[]> {
  return (await sdk.listTags({ ...strict, signal })).data.items
}
