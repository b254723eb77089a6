import { type ComponentProps, useState } from 'react'
import { sentence } from '@/api/errors'
import type { Beside } from '@/queries/beside'
import { useChooseVersion } from '@/queries/branches'
import type { Conversation } from '@/queries/conversation'
import { statusOf } from '@/queries/conversations'
import { useMessageLimit } from '@/queries/me'
import { textOf } from '@/queries/messages'
import type { Message } from '@/streams/message'
import type { SendBody } from '@/streams/transport'
import { Button } from '@/ui/button'
import { Answer } from './answer'
import { Editor } from './editor'
import { Pair } from './pair'
import { Question } from './question'
import { Typing } from './typing'

interface ThreadProps {
  conversation: Conversation
  messages: Message[]
  busy: boolean
  submitted: boolean
  failed: { id: string; reason: string } | undefined
  body: SendBody
  /** The answer of another model to the same question as the last one. */
  beside: Beside | undefined
  modelId: string | undefined
  onModel: (id: string) => void
}

export function Thread({ conversation, messages, busy, submitted, failed, body, ...pair }: ThreadProps) {
  const { beside, modelId, onModel } = pair
  const { edited, edit, save, cancel } = useEditing(conversation, body)
  const { mutate: choose, isPending: choosing, error: refusal } = useChooseVersion(conversation.chatId.get())
  const limit = useMessageLimit()
  const running = busy || beside?.live === true
  const settled = !running && !choosing
  const last = messages.at(-1)
  const lastAnswer = running ? undefined : messages.findLast(({ role }) => role === 'assistant')
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
              onChoose={choose}
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
                onChoose={choose}
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
      {refusal && (
        <p role="alert" className="text-sm text-danger">
          {sentence(refusal)}
        </p>
      )}
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

export function Earlier({ onLoad }: { onLoad: () => void }) {
  return (
    <div className="flex justify-center">
      <Button onClick={onLoad}>Show earlier messages</Button>
    </div>
  )
}
