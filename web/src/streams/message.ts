import type { UIMessage } from 'ai'

/** MS4 */
export type Status = 'pending' | 'streaming' | 'completed' | 'stopped' | 'failed' | 'interrupted'

export interface Failure {
  code: string
  message: string
  retryable: boolean
}

/** What a message carries beside its parts; the fields arrive one after another while it streams. */
export interface Metadata {
  chatId?: string
  runId?: string
  status?: Status
  finishReason?: string
  error?: Failure
  model?: string
}

export type Message = UIMessage<Metadata>
