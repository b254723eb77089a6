/** What the server stores, in the shape that the AI SDK keeps. */
import type { Message as Stored } from '@/api/client'
import { type Message, type Metadata, filesOf } from '@/streams/message'

export function toMessage({ id, role, parts, ...stored }: Stored): Message {
  // The server folds the same events with the same rules (MS1), so its parts are the SDK's parts.
  return { id, role, parts: parts as unknown as Message['parts'], metadata: toMetadata(stored) }
}

function toMetadata({
  status,
  finishReason,
  error,
  runId,
  model,
  parentId: _,
  ...facts
}: Omit<Stored, 'id' | 'role' | 'parts'>): Metadata {
  return {
    status,
    facts,
    ...(finishReason !== null && { finishReason }),
    ...(error !== null && { error }),
    ...(runId !== null && { runId }),
    ...(model !== null && { model }),
  }
}

/** A message in line, and the run that will answer it once the server has taken it. */
export interface Waiting {
  id: string
  text: string
  runId: string | undefined
}

/** Tells what is said already from what stands in line: a question and its empty answer each (WB3). */
export function splitLine(
  stored: readonly Stored[],
  queuedRunIds: readonly string[],
): { told: Stored[]; waiting: Waiting[] } {
  const byId = new Map(stored.map((message) => [message.id, message]))
  const answers = stored.filter(({ role, runId }) => role === 'assistant' && queuedRunIds.includes(runId ?? ''))
  const questionOf = ({ parentId }: Stored): Stored | undefined => byId.get(parentId ?? '')
  const inLine = new Set([...answers, ...answers.map(questionOf)])
  const waiting = answers.map((answer) => {
    const question = questionOf(answer)
    return { id: answer.id, text: question ? shortOf(toMessage(question)) : '', runId: answer.runId ?? undefined }
  })
  return { told: stored.filter((message) => !inLine.has(message)), waiting }
}

export function textOf({ parts }: Message): string {
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/** What a message says, or what is attached to it where it says nothing. */
export function shortOf(message: Message): string {
  return (
    textOf(message) ||
    filesOf(message)
      .map(({ filename }) => filename)
      .join(', ')
  )
}

/**
 * A replay begins with an empty message. Until it has caught up with what was on the screen, that stays there.
 */
export function hold(messages: Message[], held: Message | undefined): Message[] {
  if (!held) return messages
  return messages.map((message) =>
    message.id === held.id && textOf(message).length < textOf(held).length
      ? { ...message, parts: held.parts }
      : message,
  )
}

/** The newest page as stored, between the older pages already loaded and a message that could not be sent. */
export function merge(shown: Message[], stored: Message[], failedId: string | undefined): Message[] {
  const overlap = shown.findIndex(({ id }) => id === stored[0]?.id)
  const older = overlap > 0 ? shown.slice(0, overlap) : []
  const failed = shown.find(({ id }) => id === failedId)
  return [...older, ...stored, ...(failed && !hasArrived(failed, stored, shown) ? [failed] : [])]
}

/** When only the answer to a send was lost, the message is stored after all, under an id of the server. */
function hasArrived(failed: Message, stored: Message[], shown: Message[]): boolean {
  const known = new Set(shown.map(({ id }) => id))
  return stored.some(
    (message) => message.role === 'user' && !known.has(message.id) && textOf(message) === textOf(failed),
  )
}
