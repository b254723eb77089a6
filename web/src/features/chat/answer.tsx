import { memo } from 'react'
import type { Conversation } from '@/queries/conversation'
import type { Message, Status } from '@/streams/message'
import { Button } from '@/ui/button'
import { Icon } from '@/ui/icon'
import { Prose } from '@/ui/prose'
import { Call } from './call'
import { remark } from './outcome'
import { Reasoning } from './reasoning'
import { type Section, sectionsOf } from './sections'
import { Tools } from './tools'
import { Typing } from './typing'
import { Versions } from './versions'

interface AnswerProps {
  conversation: Conversation
  message: Message
  status: Status
  isLast: boolean
  /** Only the last answer can be taken further; none while one runs. */
  onContinue?: (() => void) | undefined
  onRegenerate?: ((model?: string) => void) | undefined
  onChoose: (messageId: string) => void
}

export const Answer = memo(function Answer({ conversation, message, status, isLast, ...todo }: AnswerProps) {
  const { onContinue, onRegenerate, onChoose } = todo
  const sections = sectionsOf(message.parts)
  const running = status === 'pending' || status === 'streaming'
  const said = remark(status, message.metadata ?? {})
  const hasText = sections.some(({ kind }) => kind === 'text')
  return (
    <article
      data-testid="message-assistant"
      data-message-id={message.id}
      data-status={status}
      aria-busy={running}
      aria-label="Answer"
      className="group flex flex-col gap-2"
    >
      {sections.map((section, index) => (
        <Part key={index} section={section} running={running} />
      ))}
      {running && !hasText && <Typing />}
      {said !== undefined && (
        <Outcome
          alarming={status === 'failed'}
          text={said}
          onContinue={hasText || status !== 'failed' ? onContinue : undefined}
          onRetry={isLast ? onRegenerate : undefined}
        />
      )}
      {!running && (
        <Tools
          conversation={conversation}
          message={message}
          status={status}
          isLast={isLast}
          hasText={hasText}
          versions={
            <Versions
              messageId={message.id}
              facts={message.metadata?.facts}
              disabled={onRegenerate === undefined}
              onChoose={onChoose}
            />
          }
          onRegenerate={onRegenerate}
        />
      )}
    </article>
  )
})

function Part({ section, running }: { section: Section; running: boolean }) {
  switch (section.kind) {
    case 'text':
      return <Prose text={section.text} growing={running} />
    case 'reasoning':
      return <Reasoning text={section.text} open={section.open && running} milliseconds={section.milliseconds} />
    case 'call':
      return <Call call={section.call} />
  }
}

interface OutcomeProps {
  text: string
  alarming: boolean
  onContinue?: (() => void) | undefined
  onRetry?: (() => void) | undefined
}

function Outcome({ text, alarming, onContinue, onRetry }: OutcomeProps) {
  const look = alarming ? 'bg-danger-soft text-danger' : 'bg-warn-soft text-warn'
  return (
    <div
      data-testid="outcome"
      className={`mt-2 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-xl px-4 py-3 text-sm ${look}`}
    >
      <p className="flex min-w-48 flex-1 items-start gap-2">
        <Icon name="warning" className="mt-0.5 size-4" />
        {text}
      </p>
      <div className="flex gap-2 text-ink">
        {onContinue && (
          <Button icon="forward" data-testid="continue" onClick={onContinue}>
            Continue
          </Button>
        )}
        {onRetry && (
          <Button
            icon="again"
            data-testid="retry"
            onClick={() => {
              onRetry()
            }}
          >
            Retry
          </Button>
        )}
      </div>
    </div>
  )
}
