import {
  type InfiniteData,
  type QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import { type Chat, type ChatDetail, type ChatPage, deleteChat, getChat, getChats, renameChat } from '@/api/client'

const keys = {
  list: ['chats'] as const,
  detail: (chatId: string) => ['chat', chatId] as const,
}

export function useChats() {
  return useInfiniteQuery({
    queryKey: keys.list,
    queryFn: ({ pageParam, signal }) => getChats(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    // A run that nobody follows ends without telling us.
    refetchInterval: ({ state }) => (state.data?.pages.some(hasLive) ? 5000 : false),
  })
}

function hasLive(page: ChatPage): boolean {
  return page.items.some(({ status }) => status === 'streaming')
}

/** `followed` says that the live run is read as a stream, so that polling for its end is not needed. */
export function useChatDetail(chatId: string, followed: boolean) {
  return useQuery({
    queryKey: keys.detail(chatId),
    queryFn: ({ signal }) => getChat(chatId, signal),
    refetchInterval: ({ state }) => (state.data?.liveRunId && !followed ? 2000 : false),
  })
}

export function refreshChats(client: QueryClient): void {
  void client.invalidateQueries({ queryKey: keys.list })
}

export function refreshChat(client: QueryClient, chatId: string): void {
  void client.invalidateQueries({ queryKey: keys.detail(chatId) })
  refreshChats(client)
}

export function useRenameChat() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ chatId, title }: { chatId: string; title: string }) => renameChat(chatId, title),
    onMutate: ({ chatId, title }) => {
      changeListed(client, (items) => items.map((chat) => (chat.id === chatId ? { ...chat, title } : chat)))
      client.setQueryData<ChatDetail>(keys.detail(chatId), (chat) => chat && { ...chat, title })
    },
    onSettled: (_data, _error, { chatId }) => {
      refreshChat(client, chatId)
    },
  })
}

export function useDeleteChat() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (chatId: string) => deleteChat(chatId),
    onSuccess: (_data, chatId) => {
      changeListed(client, (items) => items.filter(({ id }) => id !== chatId))
      client.removeQueries({ queryKey: keys.detail(chatId) })
    },
    onSettled: () => {
      refreshChats(client)
    },
  })
}

function changeListed(client: QueryClient, change: (items: Chat[]) => Chat[]): void {
  client.setQueryData<InfiniteData<ChatPage>>(
    keys.list,
    (data) => data && { ...data, pages: data.pages.map((page) => ({ ...page, items: change(page.items) })) },
  )
}
