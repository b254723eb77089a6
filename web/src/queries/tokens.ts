import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { createToken, getTokens, revokeToken } from '@/api/client'

const keys = { all: ['tokens'] as const }

export function useTokens() {
  return useQuery({ queryKey: keys.all, queryFn: ({ signal }) => getTokens(signal) })
}

export function useCreateToken() {
  const client = useQueryClient()
  return useMutation({ mutationFn: createToken, onSuccess: () => client.invalidateQueries({ queryKey: keys.all }) })
}

export function useRevokeToken() {
  const client = useQueryClient()
  return useMutation({ mutationFn: revokeToken, onSettled: () => client.invalidateQueries({ queryKey: keys.all }) })
}
