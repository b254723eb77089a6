import {
  type InfiniteData,
  type QueryClient,
  infiniteQueryOptions,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import { type Chat, type ChatDetail, type ChatPage, deleteChat, getChat } from '@/api/client'
import { ProblemError } from '@/api/errors'
import { type ChatChanges, type Which, changeChat, changeChats, getChats } from '@/api/filing'
import type { Change } from '@/streams/changes'
import { fold } from './listing'

export const keys = {
  lists: ['chats'] as const,
  list: (which: Which) => ['chats', which] as const,
  details: ['chat'] as const,
  detail: (chatId: string) => ['chat', chatId] as const,
}

export type Pages = InfiniteData<ChatPage>

/** Kept current by changes, see `changes.ts`. */
export function chatList(which: Which) {
  return infiniteQueryOptions({
    queryKey: keys.list(which),
    queryFn: ({ pageParam, signal, client }) =>
      pageParam === undefined
        ? caughtUp(client, () => getChats(which, undefined, signal))
        : getChats(which, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    staleTime: Infinity,
  })
}

export function useChats(which: Which = {}) {
  return useInfiniteQuery(chatList(which))
}

/** What the list of all chats has heard of meanwhile is not told again: asks until the answer knows it as well. */
export async function caughtUp<T extends { changesOffset: string }>(
  client: QueryClient,
  ask: () => Promise<T>,
): Promise<T> {
  for (;;) {
    const answer = await ask()
    const list = client.getQueryData<Pages>(keys.list({}))
    if (Number(answer.changesOffset) >= Number(list?.pages[0]?.changesOffset ?? 0)) return answer
  }
}

/** Also when it was asked for, in milliseconds: what is older than an answer's end says that it is still written. */
export function useChatDetail(chatId: string) {
  return useQuery({
    queryKey: keys.detail(chatId),
    // What has been fetched lives on in its conversation.
    gcTime: 10_000,
    queryFn: ({ signal, client }) =>
      caughtUp(client, async () => {
        const askedAt = Date.now()
        return { ...(await getChat(chatId, signal)), askedAt }
      }),
  })
}

/** Shows a chat as gone without asking for it. */
export function forgetChat(client: QueryClient, chatId: string): void {
  const gone = new ProblemError(404, { code: 'chat_not_found', message: 'There is no such chat.' })
  const query = client.getQueryCache().find({ queryKey: keys.detail(chatId) })
  query?.setState({ status: 'error', error: gone, fetchStatus: 'idle' })
}

export function refreshChat(client: QueryClient, chatId: string): void {
  void client.invalidateQueries({ queryKey: keys.detail(chatId) })
}

export interface ChatChange {
  chatId: string
  changes: ChatChanges
}

/** Renames, pins, tags, moves or puts away a chat; it is shown at once. */
export function useChangeChat() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ chatId, changes }: ChatChange) => changeChat(chatId, changes),
    onMutate: ({ chatId, changes }) => {
      const chat = findListed(client, chatId)
      if (chat) applyToLists(client, { type: 'chat-set', chat: { ...chat, ...definite(changes) } })
      client.setQueryData<ChatDetail>(keys.detail(chatId), (detail) => detail && { ...detail, ...definite(changes) })
    },
    onError: (_error, { chatId }) => {
      // What was shown ahead of the server did not come to be.
      refreshChat(client, chatId)
      void client.invalidateQueries({ queryKey: keys.lists })
    },
  })
}

export function useDeleteChat() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (chatId: string) => deleteChat(chatId),
    onSuccess: (_data, chatId) => {
      applyToLists(client, { type: 'chat-delete', chatId })
      client.removeQueries({ queryKey: keys.detail(chatId) })
    },
  })
}

/** Deletes many chats or puts them away, all or none. */
export function useChangeChats() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: changeChats,
    onSuccess: (_data, { action, ids }) => {
      for (const chatId of ids) {
        const chat = findListed(client, chatId)
        if (action === 'delete') applyToLists(client, { type: 'chat-delete', chatId })
        else if (chat) applyToLists(client, { type: 'chat-set', chat: { ...chat, archived: action === 'archive' } })
      }
    },
  })
}

function findListed(client: QueryClient, chatId: string): Chat | undefined {
  const lists = client.getQueriesData<Pages>({ queryKey: keys.lists }).flatMap(([, data]) => data?.pages ?? [])
  return lists.flatMap(({ items }) => items).find(({ id }) => id === chatId)
}

/** Shows in all lists what the server will tell of. */
function applyToLists(client: QueryClient, change: Change): void {
  for (const { queryKey } of client.getQueryCache().findAll({ queryKey: keys.lists })) {
    client.setQueryData<Pages>(queryKey, (data) => data && refolded(data, [change], queryKey[1] as Which))
  }
}

/** All of a list stands in its first page once something has changed. */
export function refolded(data: Pages, changes: Change[], which: Which): Pages {
  const [first, ...others] = data.pages
  if (!first) return data
  const complete = (others.at(-1) ?? first).nextCursor === null
  const listed = data.pages.flatMap((page) => page.items)
  const items = fold(listed, changes, complete, which)
  return { ...data, pages: [{ ...first, items }, ...others.map((page) => ({ ...page, items: [] }))] }
}

function definite({ title, pinned, archived, tags, folderId }: ChatChanges): Partial<Chat> {
  return {
    ...(title != null && { title }),
    ...(pinned != null && { pinned }),
    ...(archived != null && { archived }),
    ...(tags != null && { tags }),
    ...(folderId !== undefined && { folderId }),
  }
}
