import type { FileUIPart, ReasoningUIPart, UIMessage } from 'ai'
import type { Message as Stored } from '@/api/client'

/** MS4 */
export type Status = 'pending' | 'streaming' | 'completed' | 'stopped' | 'failed' | 'interrupted'

export interface Failure {
  code: string
  message: string
  retryable: boolean
}

/** What only the server knows, of a message that is stored. */
export type Facts = Pick<
  Stored,
  | 'versionIds'
  | 'besideId'
  | 'reactions'
  | 'rating'
  | 'ratingReason'
  | 'record'
  | 'usage'
  | 'settings'
  | 'createdAt'
  | 'completedAt'
>

/** What a message carries beside its parts; the fields arrive one after another while it streams. */
export interface Metadata {
  chatId?: string
  runId?: string
  /** Of the answer of another model that was asked for with this one. */
  besideRunId?: string
  status?: Status
  finishReason?: string
  error?: Failure
  model?: string
  facts?: Facts
}

export type Message = UIMessage<Metadata>

/** How long the model thought, where the server knows (EV3). */
export function durationOf({ providerMetadata }: Pick<ReasoningUIPart, 'providerMetadata'>): number | undefined {
  const milliseconds = providerMetadata?.['penstock']?.['durationMs']
  return typeof milliseconds === 'number' ? milliseconds : undefined
}

/** A call of a tool that the model asked whoever asked it to make. */
export interface ToolCall {
  name: string
  /** JSON text as the model wrote it: models err. */
  arguments: string
}

/** The call in a `data-tool-call` part (EV9). */
export function callOf(data: unknown): ToolCall | undefined {
  const { name, arguments: text } = (data ?? {}) as Partial<Record<keyof ToolCall, unknown>>
  return typeof name === 'string' && typeof text === 'string' ? { name, arguments: text } : undefined
}

/** Something that is attached to a message. */
export type FilePart = Pick<FileUIPart, 'type' | 'mediaType' | 'url'> & { filename?: string }

export function filesOf({ parts }: Message): FilePart[] {
  return parts.flatMap((part) => (part.type === 'file' ? [part] : []))
}
