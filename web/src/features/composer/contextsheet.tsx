import type { Context, ContextBody, ContextItem } from '@/api/context'
import { useContextPreview } from '@/queries/context'
import { textOf } from '@/queries/messages'
import type { Message } from '@/streams/message'
import { Icon } from '@/ui/icon'
import { Meter, Row, SentSheet } from './sent'

interface ContextSheetProps {
  chatId: string
  body: ContextBody
  /** Those that are on the page; older ones are told of without their text. */
  messages: readonly Message[]
  onClose: () => void
}

/** What the model would read if one sent now, what not, and why (B7). */
export default function ContextSheet({ chatId, body, messages, onClose }: ContextSheetProps) {
  const { data, error, refetch } = useContextPreview(chatId, body)
  return (
    <SentSheet error={error} onRetry={() => void refetch()} onClose={onClose}>
      {data && <Preview context={data} body={body} messages={messages} />}
    </SentSheet>
  )
}

type PreviewProps = Pick<ContextSheetProps, 'body' | 'messages'> & { context: Context }

function Preview({ context: { window: room, budget, used, summary, messages: items }, body, messages }: PreviewProps) {
  const texts = new Map(messages.map((message) => [message.id, message]))
  const left = items.filter(({ reason }) => reason === 'no-room').length
  const summarised = items.filter(({ reason }) => reason === 'summarised').length
  return (
    <>
      <p className="text-sm tabular-nums">
        About {used.toLocaleString()} of {budget.toLocaleString()} tokens
        <span className="text-muted"> that fit beside the answer; the model can take {room.toLocaleString()}.</span>
      </p>
      <Meter used={used} budget={budget} room={room} />
      {left > 0 && (
        <p className="mt-3 flex items-start gap-2 rounded-lg bg-warn-soft px-3.5 py-2.5 text-sm text-warn">
          <Icon name="warning" className="mt-0.5 size-4" />
          {left === 1 ? 'One message does' : `${left} messages do`} not fit and will not be sent.
        </p>
      )}
      {summary && (
        <details data-testid="context-summary" className="mt-3 rounded-lg bg-soft px-3.5 py-2.5 text-sm">
          <summary className="cursor-pointer">
            {summarised === 1 ? 'One message does' : `${summarised} messages do`} not fit: a summary is sent instead.
          </summary>
          <p className="mt-2 whitespace-pre-wrap">{summary.text}</p>
          <p className="mt-2 text-xs text-muted">Made by {summary.model}, and marked as a summary.</p>
        </details>
      )}
      {body.settings?.systemPrompt != null && (
        <Row role="Instructions" text={body.settings.systemPrompt} note="goes first" isSent />
      )}
      <ol data-testid="context-items" className="mt-2 divide-y divide-line">
        {items.toReversed().map((item, index) => {
          const message = texts.get(item.messageId ?? '')
          const text = item.messageId === null ? (body.message ?? '') : message ? textOf(message) : 'An earlier message'
          const role = item.messageId === null ? 'Not sent yet' : message?.role === 'assistant' ? 'Answer' : 'You'
          return (
            <li key={item.messageId ?? index}>
              <Row role={role} text={text} note={noteOf(item)} isSent={item.isSent} />
            </li>
          )
        })}
      </ol>
    </>
  )
}

function noteOf({ tokens, reason, isCut }: ContextItem): string {
  if (reason === 'no-room') return 'does not fit'
  if (reason === 'summarised') return 'summarised'
  if (reason === 'empty') return 'nothing in it'
  const about = reason === 'referred-to' ? ', meant by the last' : ''
  return `${tokens.toLocaleString()}${isCut ? ', shortened' : ''}${about}`
}
