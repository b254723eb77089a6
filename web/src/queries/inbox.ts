import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getErrors, removeError } from '@/api/client'

const keys = { all: ['errors'] as const }

/** The errors of this server, which its owner alone may see. */
export function useInbox() {
  return useQuery({ queryKey: keys.all, queryFn: ({ signal }) => getErrors(signal) })
}

export function useForgetError() {
  const client = useQueryClient()
  return useMutation({ mutationFn: removeError, onSettled: () => client.invalidateQueries({ queryKey: keys.all }) })
}
