import { type Chat, useChat } from '@ai-sdk/react'
import { type ReactNode, useState } from 'react'
import { sentence } from '@/api/errors'
import { type Beside, useGoOn } from '@/queries/beside'
import type { Conversation } from '@/queries/conversation'
import { statusOf } from '@/queries/conversations'
import { findModel, useModels } from '@/queries/models'
import type { Message } from '@/streams/message'
import { Button } from '@/ui/button'
import { Icon } from '@/ui/icon'
import { Skeleton } from '@/ui/placeholder'
import { Answer } from './answer'

interface PairProps {
  conversation: Conversation
  /** The answer that the chat goes on from. */
  message: Message
  beside: Beside
  /** The model of the chosen answer, which tells of it itself only once it has ended. */
  modelId: string | undefined
  live: boolean
  /** The chosen answer as it stands in any chat. */
  children: ReactNode
  /** The model of the answer that is chosen is that of the next one. */
  onModel: (id: string) => void
}

/** Two answers to one question, side by side; on a phone one at a time. */
export function Pair({ conversation, message, beside, modelId, live, children, onModel }: PairProps) {
  const { goOn, isPending, error } = useGoOn(conversation)
  const [shown, setShown] = useState<'chosen' | 'other'>('chosen')
  const other = beside.message
  const nameOf = useModelName()
  // Each stays where it is, whichever is chosen: the first is the older one.
  const otherId = other?.id ?? message.metadata?.facts?.besideId
  const isFirst = otherId == null || message.id < otherId
  const names = {
    chosen: nameOf(message.metadata?.model ?? modelId) ?? 'This model',
    other: nameOf(other?.metadata?.model) ?? 'The other model',
  }
  const sides = isFirst ? (['chosen', 'other'] as const) : (['other', 'chosen'] as const)
  const choose = (): void => {
    if (!other) return
    if (other.metadata?.model !== undefined) onModel(other.metadata.model)
    goOn(other, live ? () => conversation.stop() : () => Promise.resolve())
    setShown('chosen')
  }
  return (
    <section aria-label="Two answers side by side" data-testid="pair" className="flex flex-col gap-3">
      <div
        role="group"
        aria-label="Which answer is shown"
        className="sticky top-2 z-10 flex gap-1 rounded-xl border border-line bg-panel p-1 md:hidden"
      >
        {sides.map((side) => (
          <button
            key={side}
            type="button"
            aria-pressed={shown === side}
            onClick={() => {
              setShown(side)
            }}
            className="min-w-0 flex-1 truncate rounded-lg px-3 py-1.5 text-sm font-medium text-muted aria-pressed:bg-surface aria-pressed:text-ink"
          >
            {names[side]}
          </button>
        ))}
      </div>
      <div className="grid gap-4 md:grid-cols-2">
        {sides.map((side) => (
          <Column key={side} name={names[side]} chosen={side === 'chosen'} shown={shown === side}>
            {side === 'chosen' ? (
              <>
                {children}
                <Foot>
                  <p
                    data-testid="goes-on"
                    className="flex min-h-9 items-center justify-center gap-2 text-sm font-medium text-accent-strong dark:text-accent"
                  >
                    <Icon name="check" /> The chat goes on from here
                  </p>
                </Foot>
              </>
            ) : (
              <>
                <Other conversation={conversation} beside={beside} />
                <Foot>
                  {beside.live && (
                    <Button data-testid="stop-beside" className="w-full" onClick={() => void beside.stop()}>
                      Stop this one
                    </Button>
                  )}
                  <Button
                    kind="primary"
                    data-testid="go-on"
                    className="w-full"
                    disabled={!other || isPending}
                    onClick={choose}
                  >
                    Go on with this one
                  </Button>
                </Foot>
              </>
            )}
          </Column>
        ))}
      </div>
      {error && (
        <p role="alert" className="text-sm text-danger">
          {sentence(error)}
        </p>
      )}
    </section>
  )
}

interface ColumnProps {
  name: string
  chosen: boolean
  /** On a phone, where there is room for one. */
  shown: boolean
  children: ReactNode
}

function Column({ name, chosen, shown, children }: ColumnProps) {
  return (
    <section
      aria-label={`Answer of ${name}${chosen ? ', chosen' : ''}`}
      data-testid={chosen ? 'column-chosen' : 'column-other'}
      className={`min-w-0 flex-col gap-3 rounded-2xl border p-4 md:flex ${shown ? 'flex' : 'hidden'} ${chosen ? 'border-accent/60' : 'border-line'}`}
    >
      <h2 className="truncate text-sm font-medium text-muted">{name}</h2>
      {children}
    </section>
  )
}

function Foot({ children }: { children: ReactNode }) {
  return <div className="mt-auto flex flex-col gap-2 pt-2">{children}</div>
}

function Other({ conversation, beside }: { conversation: Conversation; beside: Beside }) {
  const { message, growing, error } = beside
  if (growing) return <Growing conversation={conversation} chat={growing} />
  if (message) {
    return (
      <Answer
        conversation={conversation}
        message={bare(message)}
        status={statusOf(message)}
        isLast={false}
        onChoose={ignored}
      />
    )
  }
  if (error) {
    return (
      <div role="alert" className="flex flex-col items-start gap-2 text-sm text-danger">
        {sentence(error)}
        <Button icon="again" onClick={beside.retry}>
          Try again
        </Button>
      </div>
    )
  }
  return (
    <div role="status" aria-label="Loading the other answer" className="flex flex-col gap-3">
      <Skeleton className="h-4 w-11/12" />
      <Skeleton className="h-4 w-full" />
      <Skeleton className="h-4 w-3/5" />
    </div>
  )
}

function Growing({ conversation, chat }: { conversation: Conversation; chat: Chat<Message> }) {
  const message = useChat({ chat, throttle: 50 }).messages.at(-1)
  if (!message) return null
  return <Answer conversation={conversation} message={message} status="streaming" isLast={false} onChoose={ignored} />
}

function ignored(): void {
  // There are no versions to choose from here.
}

/** It is rated, and its versions are looked through, once it is chosen. */
function bare({ metadata, ...message }: Message): Message {
  const { facts: _, ...rest } = metadata ?? {}
  return { ...message, metadata: rest }
}

function useModelName(): (id: string | undefined) => string | undefined {
  const { data: catalogue } = useModels()
  return (id) => findModel(catalogue, id)?.name ?? id
}
