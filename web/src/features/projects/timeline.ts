/** What was said and the versions that came of it, in one line. Pure. */
import type { ProjectMessage, Version } from '@/api/projects'

export type Moment =
  | { kind: 'message'; id: string; message: ProjectMessage; version: Version | undefined }
  | { kind: 'version'; id: string; version: Version }

/**
 * An answer has its version with it. A version whose answer is not there (a restored one, or one that was made anew
 * since) stands where it was made, unless that is among older messages than those shown.
 */
export function timelineOf(
  messages: readonly ProjectMessage[],
  versions: readonly Version[],
  complete: boolean,
): Moment[] {
  const byMessage = new Map(versions.map((version) => [version.messageId, version]))
  const shown = new Set(messages.map(({ id }) => id))
  const told = messages.map((message): [string, Moment] => [
    message.createdAt,
    { kind: 'message', id: message.id, message, version: byMessage.get(message.id) },
  ])
  const since = complete ? '' : (messages[0]?.createdAt ?? '')
  const others = versions
    .filter(({ messageId, createdAt }) => !shown.has(messageId ?? '') && createdAt >= since)
    .map((version): [string, Moment] => [version.createdAt, { kind: 'version', id: version.id, version }])
  // Sorting is stable: of what was made at one moment, what was said comes first.
  return [...told, ...others].sort(([a], [b]) => Date.parse(a) - Date.parse(b)).map(([, moment]) => moment)
}

export function saidIn({ parts }: ProjectMessage): string {
  return parts.map((part) => (part['type'] === 'text' && typeof part['text'] === 'string' ? part['text'] : '')).join('')
}
