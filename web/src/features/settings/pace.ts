import type { Usage } from '@/api/client'

type Limit = Usage['limits'][number]

const names: Readonly<Record<Exclude<Limit['name'], 'daily-messages'>, string>> = {
  chat: 'Questions',
  chats: 'New chats',
  messages: 'Messages stored without asking',
}

/** How fast one may go, in words; nothing where there is no limit, or for the limit of a day, which is shown apart. */
export function paceOf({ name, limit, windowSeconds }: Limit): { what: string; pace: string } | undefined {
  if (name === 'daily-messages' || limit === null || windowSeconds === null) return undefined
  return { what: names[name], pace: `${limit} ${windowOf(windowSeconds)}` }
}

function windowOf(seconds: number): string {
  const named = { 1: 'a second', 60: 'a minute', 3600: 'an hour', 86_400: 'a day' }[seconds]
  if (named !== undefined) return named
  return seconds % 60 === 0 ? `in ${seconds / 60} minutes` : `in ${seconds} seconds`
}
