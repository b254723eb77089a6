import type { Metadata, Status } from '@/streams/message'

/** What there is to say about how an answer ended; nothing when it simply ended. */
export function remark(status: Status, { finishReason, error }: Metadata): string | undefined {
  const said = error?.message === '' ? undefined : error?.message
  switch (status) {
    case 'failed':
      return said ?? 'The answer could not be completed.'
    case 'interrupted':
      return said ?? 'The answer was interrupted before it was complete.'
    case 'stopped':
      return 'You stopped this answer.'
    case 'completed':
      return finishReason === 'length' ? 'The answer reached its greatest length and ends early.' : undefined
    case 'pending':
    case 'streaming':
      return undefined
  }
}
