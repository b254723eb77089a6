import { textOf } from '@/queries/messages'
import type { Message } from '@/streams/message'
import { Button } from '@/ui/button'

interface QuestionProps {
  message: Message
  /** Not yet taken by the server. */
  pending: boolean
  failure: string | undefined
  onRetry: () => void
  onDiscard: () => void
}

export function Question({ message, pending, failure, onRetry, onDiscard }: QuestionProps) {
  return (
    <article
      data-testid="message-user"
      data-message-id={message.id}
      aria-label="Your message"
      className="flex flex-col items-end gap-2"
    >
      <div
        className={`max-w-[85%] rounded-2xl rounded-ee-md bg-soft px-4 py-2.5 leading-relaxed break-words whitespace-pre-wrap transition-opacity ${pending || failure ? 'opacity-60' : ''}`}
      >
        {textOf(message)}
      </div>
      {failure && (
        <div role="alert" className="flex flex-wrap items-center justify-end gap-3 text-sm text-danger">
          <span>Not sent. {failure}</span>
          <span className="flex gap-2 text-ink">
            <Button icon="again" onClick={onRetry}>
              Retry
            </Button>
            <Button onClick={onDiscard}>Discard</Button>
          </span>
        </div>
      )}
    </article>
  )
}
