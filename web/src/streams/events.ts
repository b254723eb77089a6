/** Translates the events of a run (EV1-EV8) into chunks that the AI SDK folds into a message. */
import type { UIMessageChunk } from 'ai'
import type { Failure, Metadata, Status } from './message'

export type Chunk = UIMessageChunk<Metadata>

export interface RunEvent {
  type: string
  [field: string]: unknown
}

interface RunEnd {
  status: Status
  finishReason?: string
  code?: string
  message?: string
  retryable?: boolean
}

export function isRunEnd(event: RunEvent): boolean {
  return event.type === 'data-run-end'
}

/** The SDK stops the whole chat at a type it does not know, so what is new to us as well is left out. */
const stock = new Set([
  'start',
  'start-step',
  'finish-step',
  'finish',
  'message-metadata',
  'text-start',
  'text-delta',
  'text-end',
  'reasoning-start',
  'reasoning-delta',
  'reasoning-end',
  'source-url',
  'source-document',
  'file',
])

export function toChunk(event: RunEvent): Chunk | undefined {
  if (event.type === 'data-restart') return { type: 'reset-step' }
  if (isRunEnd(event)) return { type: 'message-metadata', messageMetadata: outcome(event.data as RunEnd) }
  // `error` and `abort` are the stock endings (EV5); the status that follows says the same and keeps the chat usable.
  if (stock.has(event.type) || event.type.startsWith('data-')) return event as Chunk
  return undefined
}

function outcome({ status, finishReason, code, message, retryable }: RunEnd): Metadata {
  const metadata: Metadata = { status }
  if (finishReason !== undefined) metadata.finishReason = finishReason
  const error = failure(code, message, retryable)
  if (error) metadata.error = error
  return metadata
}

function failure(code?: string, message?: string, retryable?: boolean): Failure | undefined {
  return code === undefined ? undefined : { code, message: message ?? '', retryable: retryable ?? true }
}
