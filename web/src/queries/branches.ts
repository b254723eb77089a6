import { useMutation, useQueryClient } from '@tanstack/react-query'
import { chooseLeaf } from '@/api/client'
import { keys } from './chats'

/** Shows another version of a message and what follows it: here, after a reload, and in all other tabs. */
export function useChooseVersion(chatId: string | undefined) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (messageId: string) => chooseLeaf(chatId ?? '', messageId),
    onSettled: () => client.invalidateQueries({ queryKey: keys.detail(chatId ?? '') }),
  })
}
