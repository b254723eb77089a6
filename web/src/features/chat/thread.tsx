import type { Conversation } from '@/queries/conversation'
import { statusOf } from '@/queries/conversations'
import type { Message } from '@/streams/message'
import { Button } from '@/ui/button'
import { Answer } from './answer'
import { Question } from './question'
import { Typing } from './typing'

interface ThreadProps {
  conversation: Conversation
  messages: Message[]
  busy: boolean
  submitted: boolean
  failed: { id: string; reason: string } | undefined
  model: string | undefined
}

export function Thread({ conversation, messages, busy, submitted, failed, model }: ThreadProps) {
  const body = model === undefined ? {} : { model }
  const last = messages.at(-1)
  const lastAnswer = busy ? undefined : messages.findLast(({ role }) => role === 'assistant')
  return (
    <>
      {messages.map((message, index) => (
        // Old messages are laid out only when they come near the screen.
        <div key={message.id} className={index < messages.length - 20 ? 'settled' : ''}>
          {message.role === 'user' ? (
            <Question
              message={message}
              pending={submitted && message === last}
              failure={failed?.id === message.id ? failed.reason : undefined}
              onRetry={() => void conversation.retry(message.id, body)}
              onDiscard={() => {
                conversation.discard(message.id)
              }}
            />
          ) : (
            <Answer
              message={message}
              status={busy && message === last ? 'streaming' : statusOf(message)}
              {...(message === lastAnswer && {
                onContinue: () => void conversation.continue(message, body),
                onRegenerate: () => void conversation.regenerate(message.id, body),
              })}
            />
          )}
        </div>
      ))}
      {busy && last?.role === 'user' && <Typing />}
    </>
  )
}

export function Earlier({ onLoad }: { onLoad: () => void }) {
  return (
    <div className="flex justify-center">
      <Button onClick={onLoad}>Show earlier messages</Button>
    </div>
  )
}
