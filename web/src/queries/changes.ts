/** Keeps what has been fetched current by what the server tells of changes (A15). */
import type { QueryClient } from '@tanstack/react-query'
import type { Chat, ChatDetail } from '@/api/client'
import type { FolderList, Which } from '@/api/filing'
import type { Signal } from '@/lib/signal'
import { type Change, ChangeFollower } from '@/streams/changes'
import { type Pages, chatList, keys, refolded } from './chats'
import { keys as folderKeys } from './folders'
import { foldFolders } from './listing'
import { refreshProject, refreshProjects } from './projects'

/** Follows until aborted. `onDelete` hears of chats that are gone. */
export function followChanges(
  client: QueryClient,
  open: Signal<boolean>,
  onDelete: (chatId: string) => void,
  signal: AbortSignal,
): void {
  const follower = new ChangeFollower({
    open,
    begin: (fresh) => begin(client, fresh),
    take: (changes, position) => {
      for (const query of client.getQueryCache().findAll({ queryKey: keys.lists })) {
        const which = query.queryKey[1] as Which
        client.setQueryData<Pages>(query.queryKey, (data) => data && applied(data, changes, position, which))
      }
      client.setQueryData<FolderList>(folderKeys.all, (data) => data && refoldered(data, changes, position))
      changes.forEach((change, index) => {
        if (change.type === 'chat-delete') onDelete(change.chatId)
        else refresh(client, change, position + index)
      })
    },
  })
  void follower.follow(signal)
}

async function begin(client: QueryClient, fresh: boolean): Promise<string> {
  if (fresh) void client.invalidateQueries({ queryKey: folderKeys.all })
  if (fresh) await client.resetQueries({ queryKey: keys.lists })
  const { pages } = await client.infiniteQuery({ ...chatList({}), staleTime: 'static' })
  const offset = pages[0]?.changesOffset ?? '-1'
  // A chat that was opened before may have missed what the list has seen.
  const isBehind = (data: unknown): boolean => Number((data as ChatDetail | undefined)?.changesOffset) < Number(offset)
  void client.invalidateQueries({ queryKey: keys.details, predicate: ({ state }) => isBehind(state.data) })
  refreshProjects(client)
  return offset
}

/** The list after the changes that it has not seen yet. All of it stands in the first page then. */
function applied(data: Pages, changes: Change[], position: number, which: Which): Pages {
  const seen = Number(data.pages[0]?.changesOffset)
  const end = position + changes.length
  if (end <= seen) return data
  const next = refolded(data, changes.slice(Math.max(0, seen - position)), which)
  return { ...next, pages: next.pages.map((page, index) => (index ? page : { ...page, changesOffset: offsetOf(end) })) }
}

function refoldered(data: FolderList, changes: Change[], position: number): FolderList {
  const seen = Number(data.changesOffset)
  const end = position + changes.length
  if (end <= seen) return data
  const items = foldFolders(data.items, changes.slice(Math.max(0, seen - position)))
  return { items, changesOffset: offsetOf(end) }
}

function offsetOf(position: number): string {
  return String(position).padStart(16, '0')
}

/** Lets an opened chat be fetched again unless it was fetched after the change. */
function refresh(client: QueryClient, change: Change, position: number): void {
  if (change.type === 'folder-set') return
  if (change.type === 'folder-delete') {
    // What was in it is in the folder around it now, and nothing else is told of that.
    const around = change.parentId
    if (around !== null) void client.invalidateQueries({ queryKey: keys.list({ folder: around }) })
    return
  }
  if ('project' in change) {
    refreshProject(client, change.project.id)
    return
  }
  if ('projectId' in change) {
    refreshProject(client, change.projectId)
    return
  }
  const chatId = change.type === 'chat-set' ? change.chat.id : change.chatId
  // From a newer server may come what this page does not know; it need not be about a chat.
  if (typeof chatId !== 'string') return
  const queryKey = keys.detail(chatId)
  const opened = client.getQueryData<ChatDetail>(queryKey)
  if (!opened || Number(opened.changesOffset) > position) return
  // Another path is another tab's choice of a branch: its messages are other ones.
  const isSamePath = change.type === 'chat-set' && change.chat.leafId === opened.leafId
  if (isSamePath) client.setQueryData(queryKey, { ...opened, ...filed(change.chat) })
  else void client.invalidateQueries({ queryKey })
}

/** What of a chat can change without its messages. */
function filed({ title, folderId, tags, pinned, archived }: Chat): Partial<ChatDetail> {
  return { title, folderId, tags, pinned, archived }
}
