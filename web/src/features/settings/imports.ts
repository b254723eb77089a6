import type { Import } from '@/api/transfer'

const sources = { penstock: 'Penstock', chatgpt: 'ChatGPT', 'open-webui': 'Open WebUI', librechat: 'LibreChat' }

/** Whence it comes, as far as that is known. */
export function sourceOf({ source }: Import): string {
  return source === null ? 'A file' : `From ${sources[source]}`
}

/** How far it has come, or what has come of it. */
export function outcomeOf({ status, done, total, created, error }: Import): string {
  switch (status) {
    case 'checking':
      return 'The file is being looked at.'
    case 'storing':
      return `${done.toLocaleString()} of ${(total ?? 0).toLocaleString()} chats are in.`
    case 'failed':
      return error?.message ?? 'It could not be brought in.'
    case 'completed':
      return ended(created, done - created)
  }
}

function ended(created: number, known: number): string {
  const fresh = created === 1 ? 'One chat is' : `${created.toLocaleString()} chats are`
  if (known === 0) return `${fresh} new here.`
  return `${fresh} new here; ${known === 1 ? 'one was' : `${known.toLocaleString()} were`} here already.`
}
