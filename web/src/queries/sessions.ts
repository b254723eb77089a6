import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { endOtherSessions, endSession, getSessions } from '@/api/client'

const keys = { all: ['sessions'] as const }

export function useSessions() {
  return useQuery({ queryKey: keys.all, queryFn: ({ signal }) => getSessions(signal) })
}

export function refreshSessions(client: QueryClient): void {
  void client.invalidateQueries({ queryKey: keys.all })
}

export function useEndSession() {
  const client = useQueryClient()
  return useMutation({ mutationFn: endSession, onSettled: () => client.invalidateQueries({ queryKey: keys.all }) })
}

export function useEndOtherSessions() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => endOtherSessions(),
    onSettled: () => client.invalidateQueries({ queryKey: keys.all }),
  })
}
