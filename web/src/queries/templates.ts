import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type NewTemplate, createTemplate, deleteTemplate, getTemplates, updateTemplate } from '@/api/templates'

const keys = { all: ['templates'] as const }

/** One's own templates and those of the house. */
export function useTemplates(enabled = true) {
  return useQuery({ queryKey: keys.all, queryFn: ({ signal }) => getTemplates(signal), staleTime: 60_000, enabled })
}

/** Makes one, or changes the one of this id. */
export function useSaveTemplate(templateId: string | undefined) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: NewTemplate) =>
      templateId === undefined ? createTemplate(body) : updateTemplate(templateId, body),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.all }),
  })
}

export function useDeleteTemplate() {
  const client = useQueryClient()
  return useMutation({ mutationFn: deleteTemplate, onSettled: () => client.invalidateQueries({ queryKey: keys.all }) })
}
