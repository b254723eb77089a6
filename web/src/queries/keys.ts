import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getKeys, removeKey, saveKey, testKey } from '@/api/client'
import { modelKeys } from './models'

const keys = { all: ['keys'] as const }

export function useKeys() {
  return useQuery({ queryKey: keys.all, queryFn: ({ signal }) => getKeys(signal) })
}

/** Which models can be asked depends on the keys. */
function useChanged(): () => Promise<unknown> {
  const client = useQueryClient()
  return () =>
    Promise.all([
      client.invalidateQueries({ queryKey: keys.all }),
      client.invalidateQueries({ queryKey: modelKeys.all }),
    ])
}

export function useSaveKey() {
  return useMutation({ mutationFn: saveKey, onSuccess: useChanged() })
}

export function useTestKey() {
  return useMutation({ mutationFn: testKey, onSuccess: useChanged() })
}

export function useRemoveKey() {
  return useMutation({ mutationFn: removeKey, onSettled: useChanged() })
}
