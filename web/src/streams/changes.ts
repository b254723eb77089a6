/**
 * Follows the visitor's change stream (CH1): server-sent events, after three failures in a row a plain read every two
 * seconds, and back. Nothing is held while nobody looks; what came meanwhile is read when somebody looks again.
 */
import type { Chat } from '@/api/client'
import type { Folder } from '@/api/filing'
import { problemOf } from '@/api/errors'
import { type Signal, until } from '@/lib/signal'
import { pause } from './pause'
import { FrameParser } from './sse'
import { type Pace, usualPace } from './transport'

/** CH3; a server may be newer than this page and tell of more (CH6). */
export type Change =
  | { type: 'chat-set'; chat: Chat }
  | { type: 'chat-delete'; chatId: string }
  | { type: 'folder-set'; folder: Folder }
  | { type: 'folder-delete'; folderId: string; parentId: string | null }
  | { type: 'project-set'; project: { id: string } }
  | { type: 'project-delete' | 'version-set' | 'version-delete'; projectId: string }
  | { type: 'message-add' | 'message-status' | 'run-start' | 'run-end'; chatId: string }

export interface ChangesOptions {
  origin?: string
  pace?: Pace
  /** Closed while nobody looks. */
  open: Signal<boolean>
  /** Takes a snapshot and gives the offset from which changes apply to it. `fresh`: the one there is too old. */
  begin: (fresh: boolean) => Promise<string>
  /** Takes changes and the position of the first of them. */
  take: (changes: Change[], position: number) => void
}

const path = '/v1/stream/users/me/changes'

/** The offset is no good any more: a new snapshot has to be taken (CH7). */
class OffsetLost extends Error {}

export class ChangeFollower {
  private readonly options: Required<ChangesOptions>
  private offset: string | undefined
  private lost = false
  private failures = 0

  constructor(options: ChangesOptions) {
    this.options = { origin: '', pace: usualPace, ...options }
  }

  /** Follows until aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await until(this.options.open, Boolean, signal)
        await pause(this.delay(), signal)
        await this.attempt(signal)
      } catch (error) {
        if (error instanceof OffsetLost) this.lost = true
        // Closed on purpose: that is no failure of the line.
        else if (this.options.open.get()) this.failures += 1
      }
    }
  }

  private delay(): number {
    const { backoff, poll } = this.options.pace
    return this.failures === 0 ? 0 : (backoff[this.failures - 1] ?? poll)
  }

  private async attempt(signal: AbortSignal): Promise<void> {
    if (this.offset === undefined || this.lost) {
      this.offset = await this.options.begin(this.lost)
      this.lost = false
    }
    if (this.failures >= this.options.pace.backoff.length) await this.read(await this.request('', signal))
    await this.stream(signal)
  }

  private async request(live: string, signal: AbortSignal): Promise<Response> {
    const url = `${this.options.origin}${path}?offset=${this.offset ?? '-1'}${live}`
    const response = await fetch(url, { credentials: 'same-origin', signal })
    if ([400, 404, 410].includes(response.status)) throw new OffsetLost()
    if (!response.ok) throw await problemOf(response)
    return response
  }

  private async read(response: Response): Promise<void> {
    const next = response.headers.get('stream-next-offset')
    if (next !== null) this.accept((await response.json()) as Change[], next)
  }

  private async stream(signal: AbortSignal): Promise<void> {
    const drop = new AbortController()
    const stopWatching = this.options.open.subscribe(() => {
      drop.abort()
    })
    let silence: ReturnType<typeof setTimeout> | undefined
    try {
      const response = await this.request('&live=sse', AbortSignal.any([signal, drop.signal]))
      const parser = new FrameParser()
      const decoder = new TextDecoder()
      const reader = response.body?.getReader()
      for (;;) {
        silence = setTimeout(() => {
          drop.abort()
        }, this.options.pace.silence)
        const { done, value } = (await reader?.read()) ?? { done: true }
        clearTimeout(silence)
        if (done) break
        this.failures = 0
        for (const { id, data } of parser.push(decoder.decode(value, { stream: true }))) {
          const told: unknown = JSON.parse(data)
          // Between the changes stand control events, which say nothing that the ids do not.
          if (Array.isArray(told)) this.accept(told as Change[], id)
        }
      }
      // A server that ends closes its streams; the next one goes on.
      this.failures += 1
    } finally {
      clearTimeout(silence)
      stopWatching()
      drop.abort()
    }
  }

  private accept(changes: Change[], next: string): void {
    this.offset = next
    if (changes.length > 0) this.options.take(changes, Number(next) - changes.length)
  }
}
