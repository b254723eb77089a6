import type { ReactNode } from 'react'
import { textOf } from '@/queries/messages'
import { type Message, filesOf } from '@/streams/message'
import { Button } from '@/ui/button'
import { CopyButton, ToolButton } from '@/ui/copy'
import { Files } from './files'
import { Versions } from './versions'

interface QuestionProps {
  message: Message
  /** Not yet taken by the server. */
  pending: boolean
  failure: string | undefined
  /** Stands in the place of the text while it is written anew. */
  editor: ReactNode | undefined
  onRetry: () => void
  onDiscard: () => void
  /** Undefined while an answer runs. */
  onEdit: (() => void) | undefined
  onChoose: (messageId: string) => void
}

export function Question({ message, pending, failure, editor, ...todo }: QuestionProps) {
  const { onRetry, onDiscard, onEdit, onChoose } = todo
  return (
    <article
      data-testid="message-user"
      data-message-id={message.id}
      aria-label="Your message"
      className="group flex flex-col items-end gap-1"
    >
      <Files files={filesOf(message)} />
      {editor ??
        (textOf(message) !== '' && (
          <div
            className={`max-w-[85%] rounded-2xl rounded-ee-md bg-soft px-4 py-2.5 leading-relaxed break-words whitespace-pre-wrap transition-opacity ${pending || failure ? 'opacity-60' : ''}`}
          >
            {textOf(message)}
          </div>
        ))}
      {!editor && !failure && !pending && (
        <footer className="-me-1 flex items-center">
          <div className="reveal flex">
            <CopyButton text={() => textOf(message)} label="Copy message" bare />
            {onEdit && <ToolButton icon="pencil" label="Edit message" testId="edit" onClick={onEdit} />}
          </div>
          <Versions
            messageId={message.id}
            facts={message.metadata?.facts}
            disabled={onEdit === undefined}
            onChoose={onChoose}
          />
        </footer>
      )}
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
