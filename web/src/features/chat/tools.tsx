import { type ReactNode, useState } from 'react'
import type { MessageMarks } from '@/api/client'
import { sentence } from '@/api/errors'
import type { Conversation } from '@/queries/conversation'
import { useMark } from '@/queries/marks'
import { textOf } from '@/queries/messages'
import { findModel, useModels } from '@/queries/models'
import type { Message, Status } from '@/streams/message'
import { Badge } from '@/ui/badge'
import { CopyButton } from '@/ui/copy'
import { Aloud } from './aloud'
import { Anew } from './anew'
import { Rating, Reason } from './rating'
import { ReactionPicker, Reactions } from './reactions'
import { Record } from './record'

interface ToolsProps {
  conversation: Conversation
  message: Message
  status: Status
  /** Of the last answer they are always there. */
  isLast: boolean
  hasText: boolean
  versions: ReactNode
  /** Undefined while an answer runs. */
  onRegenerate: ((model?: string) => void) | undefined
}

/** What can be done with an answer, below it. */
export function Tools({ conversation, message, status, isLast, hasText, versions, onRegenerate }: ToolsProps) {
  const { mutate: mark, error } = useMark(conversation)
  const [asking, setAsking] = useState(false)
  const { facts, model } = message.metadata ?? {}
  const onMark = (marks: MessageMarks): void => {
    if (facts) mark({ messageId: message.id, marks, before: facts })
  }
  const close = (): void => {
    setAsking(false)
  }
  return (
    <footer className="flex flex-col gap-2">
      {facts && <Reactions facts={facts} onMark={onMark} />}
      <div className="-ms-2 flex flex-wrap items-center gap-x-0.5 gap-y-1">
        {versions}
        <div className={`flex flex-wrap items-center gap-0.5 ${isLast ? '' : 'reveal'}`}>
          {hasText && <CopyButton text={() => textOf(message)} label="Copy answer" bare />}
          {onRegenerate && <Anew model={model} onRegenerate={onRegenerate} />}
          {facts && hasText && (
            <>
              <Rating facts={facts} onMark={onMark} onAsk={setAsking} />
              <ReactionPicker facts={facts} onMark={onMark} />
            </>
          )}
          {hasText && <Aloud messageId={message.id} text={() => textOf(message)} />}
          {facts && <Record metadata={message.metadata ?? {}} facts={facts} status={status} />}
          <ModelName id={model} />
        </div>
      </div>
      {facts?.rating && asking && <Reason facts={facts} onMark={onMark} onClose={close} />}
      {error && (
        <p role="alert" className="text-sm text-danger">
          {sentence(error)}
        </p>
      )}
    </footer>
  )
}

function ModelName({ id }: { id: string | undefined }) {
  const { data: catalogue } = useModels()
  const model = findModel(catalogue, id)
  if (!model) return null
  return (
    <span className="ms-1.5 inline-flex items-center gap-1.5 text-xs text-muted">
      {model.name} {model.isDemo && <Badge>Demo</Badge>}
    </span>
  )
}
