import { useQuery } from '@tanstack/react-query'
import { type ContextBody, previewContext } from '@/api/context'
import { type ProjectContextBody, previewProjectContext } from '@/api/projects'
import type { Message } from '@/streams/message'
import { textOf } from './messages'

/** Asked anew each time somebody looks. */
const fresh = { staleTime: 0, gcTime: 0 } as const

export function useContextPreview(chatId: string, body: ContextBody) {
  return useQuery({
    queryKey: ['context', chatId, body],
    queryFn: ({ signal }) => previewContext(chatId, body, signal),
    ...fresh,
  })
}

export function useProjectContextPreview(projectId: string, body: ProjectContextBody) {
  return useQuery({
    queryKey: ['context', projectId, body],
    queryFn: ({ signal }) => previewProjectContext(projectId, body, signal),
    ...fresh,
  })
}

/** Estimated as the server does: a token is about four characters. */
function estimate(text: string): number {
  return Math.ceil(text.length / 4)
}

/**
 * About how many tokens of a conversation a model would be shown: what the provider counted for the last answer, and an
 * estimate of what came after that. The preview of the server says it exactly.
 */
export function tokensOf(messages: readonly Message[], draft: string): number {
  const counted = messages.findLastIndex(({ metadata }) => metadata?.facts?.usage != null)
  const usage = messages[counted]?.metadata?.facts?.usage
  const known = usage ? usage.inputTokens + usage.outputTokens : 0
  const later = messages.slice(counted + 1).reduce((sum, message) => sum + estimate(textOf(message)), 0)
  return known + later + estimate(draft)
}
