import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Model, type ModelCatalogue, getModels } from '@/api/client'
import { lasting } from '@/lib/storage'

export const modelKeys = { all: ['models'] as const }

export function useModels() {
  return useQuery({
    queryKey: modelKeys.all,
    queryFn: ({ signal }) => getModels(signal),
    staleTime: 5 * 60_000,
  })
}

export function findModel(catalogue: ModelCatalogue | undefined, id: string | undefined): Model | undefined {
  return catalogue?.providers.flatMap(({ models }) => models).find((model) => model.id === id)
}

/** The visitor's choice if it can be used, else the chat's model, else the last choice anywhere, else the default. */
export function useModelChoice(chatModel?: string) {
  const { data: catalogue } = useModels()
  const [chosen, setChosen] = useState<string>()
  const candidates = [chosen, chatModel, lasting.read('model'), catalogue?.default]
  const model = candidates.map((id) => findModel(catalogue, id ?? undefined)).find((found) => found?.available)
  const choose = (id: string): void => {
    setChosen(id)
    lasting.write('model', id)
  }
  return { catalogue, model, choose }
}
