import { memo } from 'react'
import { findModel, useModels } from '@/queries/models'
import { textOf } from '@/queries/messages'
import type { Message, Status } from '@/streams/message'
import { Badge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { CopyButton } from '@/ui/copy'
import { Icon } from '@/ui/icon'
import { Prose } from '@/ui/prose'
import { remark } from './outcome'
import { Reasoning } from './reasoning'
import { sectionsOf } from './sections'
import { Typing } from './typing'

interface AnswerProps {
  message: Message
  status: Status
  /** Only the last answer can be taken further. */
  onContinue?: (() => void) | undefined
  onRegenerate?: (() => void) | undefined
}

export const Answer = memo(function Answer({ message, status, onContinue, onRegenerate }: AnswerProps) {
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
      {sections.map((section, index) =>
        section.kind === 'text' ? (
          <Prose key={index} text={section.text} />
        ) : (
          <Reasoning key={index} text={section.text} open={section.open && running} />
        ),
      )}
      {running && !hasText && <Typing />}
      {said !== undefined && (
        <Outcome
          alarming={status === 'failed'}
          text={said}
          onContinue={hasText || status !== 'failed' ? onContinue : undefined}
          onRetry={onRegenerate}
        />
      )}
      {!running && (
        <footer className={`flex flex-wrap items-center gap-1 ${onRegenerate ? '' : 'reveal'}`}>
          {hasText && <CopyButton text={() => textOf(message)} label="Copy answer" className="-ms-2" />}
          {onRegenerate && said === undefined && <RegenerateButton onClick={onRegenerate} />}
          <ModelName id={message.metadata?.model} />
        </footer>
      )}
    </article>
  )
})

interface OutcomeProps {
  text: string
  alarming: boolean
  onContinue?: (() => void) | undefined
  onRetry?: (() => void) | undefined
}

function Outcome({ text, alarming, onContinue, onRetry }: OutcomeProps) {
  const look = alarming ? 'bg-danger-soft text-danger' : 'bg-warn-soft text-warn'
  return (
    <div className={`mt-2 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-xl px-4 py-3 text-sm ${look}`}>
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
          <Button icon="again" data-testid="regenerate" onClick={onRetry}>
            Retry
          </Button>
        )}
      </div>
    </div>
  )
}

function RegenerateButton({ onClick }: { onClick: () => void }) {
  return (
    <button
      type="button"
      data-testid="regenerate"
      onClick={onClick}
      className="inline-flex min-h-8 items-center gap-1.5 rounded-md px-2 text-xs font-medium text-muted transition-colors hover:bg-line/60 hover:text-ink"
    >
      <Icon name="again" className="size-3.5" />
      Regenerate
    </button>
  )
}

function ModelName({ id }: { id: string | undefined }) {
  const { data: catalogue } = useModels()
  const model = findModel(catalogue, id)
  if (!model) return null
  return (
    <span className="ms-1 inline-flex items-center gap-1.5 text-xs text-muted">
      {model.name} {model.isDemo && <Badge>Demo</Badge>}
    </span>
  )
}
