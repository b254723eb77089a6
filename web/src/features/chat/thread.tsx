import { type ComponentProps, type RefObject, useState } from 'react'
import type { Beside } from '@/queries/beside'
import type { Conversation } from '@/queries/conversation'
import { statusOf } from '@/queries/conversations'
import { useMessageLimit } from '@/queries/me'
import { textOf } from '@/queries/messages'
import type { Message } from '@/streams/message'
import type { SendBody } from '@/streams/transport'
import { Button } from '@/ui/button'
import { useNear } from '@/ui/near'
import { Answer } from './answer'
import { Editor } from './editor'
import { Pair } from './pair'
import { Question } from './question'
import { Typing } from './typing'

interface ThreadProps {
  conversation: Conversation
  messages: Message[]
  /** The messages are not those at the end of the chat. */
  apart: boolean
  busy: boolean
  submitted: boolean
  failed: { id: string; reason: string } | undefined
  body: SendBody
  /** The answer of another model to the same question as the last one. */
  beside: Beside | undefined
  modelId: string | undefined
  onModel: (id: string) => void
  onChoose: (messageId: string) => void
  choosing: boolean
}

export function Thread({ conversation, messages, apart, busy, submitted, failed, body, ...rest }: ThreadProps) {
  const { beside, modelId, onModel, onChoose, choosing } = rest
  const { edited, edit, save, cancel } = useEditing(conversation, body)
  const limit = useMessageLimit()
  const running = busy || beside?.live === true
  const settled = !running && !choosing
  const last = apart ? undefined : messages.at(-1)
  const lastAnswer = running || apart ? undefined : messages.findLast(({ role }) => role === 'assistant')
  return (
    <>
      {messages.map((message, index) => (
        // Old messages are laid out only when they come near the screen. One that becomes old loses its height for a moment.
        <div key={message.id} className={apart || index < messages.length - 20 ? 'settled' : ''}>
          {message.role === 'user' ? (
            <Question
              message={message}
              pending={submitted && message === last}
              failure={failed?.id === message.id ? failed.reason : undefined}
              editor={
                edited?.id === message.id ? (
                  <Editor text={edited.text} limit={limit} onSave={save} onCancel={cancel} />
                ) : undefined
              }
              onRetry={() => void conversation.retry(message.id, body)}
              onDiscard={() => {
                conversation.discard(message.id)
              }}
              onEdit={
                // Until it has come back from the server it has a name of this page's own, under which nothing is edited.
                settled && message.metadata?.facts
                  ? () => {
                      edit(message)
                    }
                  : undefined
              }
              onChoose={onChoose}
            />
          ) : (
            <InPair
              conversation={conversation}
              message={message}
              beside={message === last ? beside : undefined}
              modelId={modelId}
              live={busy}
              onModel={onModel}
            >
              <Answer
                conversation={conversation}
                message={message}
                status={busy && message === last ? 'streaming' : statusOf(message)}
                isLast={message === lastAnswer}
                onChoose={onChoose}
                {...(message === lastAnswer && { onContinue: () => void conversation.continue(message, body) })}
                {...(settled && {
                  onRegenerate: (model?: string) =>
                    void conversation.regenerate(message.id, anew(body, message, model)),
                })}
              />
            </InPair>
          )}
        </div>
      ))}
      {busy && last?.role === 'user' && <Typing />}
    </>
  )
}

function InPair({
  beside,
  children,
  ...rest
}: Omit<ComponentProps<typeof Pair>, 'beside'> & { beside?: Beside | undefined }) {
  if (!beside) return children
  return (
    <Pair beside={beside} {...rest}>
      {children}
    </Pair>
  )
}

/** An answer is made anew with the model that is chosen for the chat, unless another one is wanted. */
function anew(body: SendBody, { metadata }: Message, model: string | undefined): SendBody {
  if (model === undefined) return body
  return model === metadata?.model ? { ...body, model } : { model }
}

function useEditing(conversation: Conversation, body: SendBody) {
  const [edited, setEdited] = useState<{ id: string; text: string }>()
  const cancel = (): void => {
    setEdited(undefined)
  }
  const edit = (message: Message): void => {
    setEdited({ id: message.id, text: textOf(message) })
  }
  const save = (text: string): void => {
    if (!edited) return
    cancel()
    void conversation.edit(edited.id, text, body).then((isTaken) => {
      if (!isTaken) setEdited({ ...edited, text })
    })
  }
  return { edited, edit, save, cancel }
}

/** So far from the screen the next page is asked for: about what one reads while it comes, in pixels. */
const margin = 800

interface MoreProps {
  /** Where the page is. */
  cursor: string
  label: string
  scroller: RefObject<Element | null>
  onLoad: () => void
}

/** Asks for a page once one comes near it; a button for whoever does not scroll. */
export function More({ cursor, label, scroller, onLoad }: MoreProps) {
  const box = useNear(cursor, onLoad, { scroller, margin })
  return (
    <div ref={box} className="flex justify-center">
      <Button onClick={onLoad}>{label}</Button>
    </div>
  )
}
