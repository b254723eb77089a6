import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Import, beginImport, getImports } from '@/api/transfer'

const keys = { all: ['imports'] as const }

/** So often one asks how far an import has come. */
const pace = 1000

/** What was brought along; what is still on its way is asked about again. */
export function useImports() {
  return useQuery({
    queryKey: keys.all,
    queryFn: ({ signal }) => getImports(signal),
    refetchInterval: ({ state }) => (state.data?.some(isUnderWay) ? pace : false),
  })
}

export function isUnderWay({ status }: Import): boolean {
  return status === 'checking' || status === 'storing'
}

export function useBeginImport() {
  const client = useQueryClient()
  const [sent, setSent] = useState(0)
  const mutation = useMutation({
    mutationFn: (file: File) => beginImport(file, setSent),
    onMutate: () => {
      setSent(0)
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.all }),
  })
  return { ...mutation, sent }
}
