import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type NewShare, createShare, getShares, revokeShare } from '@/api/shares'

const keys = { all: ['shares'] as const, of: (chatId: string | undefined) => ['shares', chatId ?? 'all'] as const }

/** What one shares of a chat, or of all. */
export function useShares(chatId?: string) {
  return useQuery({ queryKey: keys.of(chatId), queryFn: ({ signal }) => getShares(chatId, signal) })
}

export function useCreateShare(chatId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: NewShare) => createShare(chatId, body),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.all }),
  })
}

export function useRevokeShare() {
  const client = useQueryClient()
  return useMutation({ mutationFn: revokeShare, onSettled: () => client.invalidateQueries({ queryKey: keys.all }) })
}
