/**
 * Carries a run to the AI SDK as one chunk stream that ends only with the run: cut connections are reattached by cursor
 * (CF4, CF6), so the SDK never sees a drop. One transport serves one chat.
 */
import { type ChatTransport, generateId } from 'ai'
import { ProblemError, problemOf } from '@/api/errors'
import { Signal, until } from '@/lib/signal'
import { type Cursor, formatCursor, isNew, parseCursor } from './cursor'
import { type Chunk, type RunEvent, isRunEnd, toChunk } from './events'
import type { Message } from './message'
import { type Frame, FrameParser } from './sse'
import { toStream } from './stream'

/** What the reader sees of the line: `reconnecting` after three failures in a row, until bytes arrive again. */
export type Line = 'up' | 'reconnecting'

export interface Pace {
  /** Pauses before the first attempts to reattach; one per failure in a row. */
  backoff: readonly number[]
  /** The pause between polls once those are used up. */
  poll: number
  /** The server is silent for at most 15 s (CF2): no byte for longer than this is a dead connection. */
  silence: number
}

const usual: Pace = { backoff: [250, 750, 2000], poll: 2000, silence: 40_000 }

export interface TransportOptions {
  chatId?: string
  origin?: string
  pace?: Pace
  /** Closed while nobody looks: the stream is dropped then and taken up again at the cursor. */
  open?: Signal<boolean>
  onStart?: (chatId: string, runId: string) => void
}

/** An HTTP exchange that can be dropped without telling the SDK. */
interface Exchange {
  response: Response
  drop: AbortController
}

/** How far one run has been read. */
interface Reading {
  /** Where polling would begin, when the run is known. */
  start: Cursor | undefined
  cursor: Cursor | undefined
  failures: number
  ended: boolean
}

export interface SendBody {
  model?: string
  /** With `resumeStream`: the message that shall go on. Its log replays the whole message (EV8). */
  continues?: string
  /** With `resumeStream`: the run that is live, which can be polled even when no stream gets through. */
  runId?: string
}

type SendOptions = Parameters<ChatTransport<Message>['sendMessages']>[0]
type ReconnectOptions = Parameters<ChatTransport<Message>['reconnectToStream']>[0]

export class Transport implements ChatTransport<Message> {
  readonly resumeStreamIsReplay = true
  readonly line = new Signal<Line>('up')
  chatId: string | undefined
  private readonly origin: string
  private readonly pace: Pace
  private readonly open: Signal<boolean>
  private readonly onStart: TransportOptions['onStart']

  constructor({ chatId, origin = '', pace = usual, open = new Signal(true), onStart }: TransportOptions = {}) {
    this.chatId = chatId
    this.origin = origin
    this.pace = pace
    this.open = open
    this.onStart = onStart
  }

  async sendMessages({ abortSignal, ...options }: SendOptions): Promise<ReadableStream<Chunk>> {
    const exchange = await this.post(requestOf(options), abortSignal)
    return toStream((signal) => this.follow(exchange, signal), abortSignal)
  }

  async reconnectToStream({ abortSignal, body }: ReconnectOptions): Promise<ReadableStream<Chunk> | null> {
    const { continues, model, runId } = (body ?? {}) as SendBody
    const exchange =
      continues === undefined
        ? await this.attachOrRetry(abortSignal)
        : await this.post(continuation(continues, model), abortSignal)
    if (exchange === 'gone') return null
    const start = runId === undefined ? undefined : { run: runId, offset: '-1' }
    return toStream((signal) => this.follow(exchange, signal, start), abortSignal)
  }

  private async post(request: object, signal?: AbortSignal): Promise<Exchange> {
    const body = JSON.stringify({ ...request, chatId: this.chatId })
    const headers = { 'content-type': 'application/json' }
    const exchange = await this.fetch('/api/chat', { method: 'POST', headers, body }, signal)
    if (!exchange.response.ok) throw await problemOf(exchange.response)
    return exchange
  }

  private async fetch(path: string, init: RequestInit, signal?: AbortSignal): Promise<Exchange> {
    const drop = new AbortController()
    const either = signal ? AbortSignal.any([signal, drop.signal]) : drop.signal
    const response = await fetch(this.origin + path, { ...init, credentials: 'same-origin', signal: either })
    return { response, drop }
  }

  /** The first GET after a reload; when the server is not there yet, following retries. */
  private async attachOrRetry(signal?: AbortSignal): Promise<Exchange | 'gone' | undefined> {
    try {
      return await this.attach(undefined, signal)
    } catch (error) {
      if (signal?.aborted || isFinal(error)) throw error
      return undefined
    }
  }

  private async attach(cursor: Cursor | undefined, signal?: AbortSignal): Promise<Exchange | 'gone'> {
    const query = cursor ? `?after=${encodeURIComponent(formatCursor(cursor))}` : ''
    const path = `/api/chat/${encodeURIComponent(this.chatId ?? '')}/stream${query}`
    const exchange = await this.fetch(path, {}, signal)
    if (exchange.response.status === 204) return 'gone'
    if (!exchange.response.ok) throw await problemOf(exchange.response)
    return exchange
  }

  private async *follow(first: Exchange | undefined, signal: AbortSignal, start?: Cursor): AsyncGenerator<Chunk, void> {
    const reading: Reading = { start, cursor: undefined, failures: 0, ended: false }
    let exchange = first
    try {
      for (;;) {
        if (exchange) yield* this.readUntilCut(exchange, reading, signal)
        if (reading.ended) return
        const next: Exchange | 'gone' | undefined = yield* this.reattach(reading, signal)
        if (next === 'gone') return
        exchange = next
      }
    } finally {
      this.line.set('up')
    }
  }

  private async *readUntilCut(exchange: Exchange, reading: Reading, signal: AbortSignal): AsyncGenerator<Chunk, void> {
    try {
      for await (const frames of this.frames(exchange, reading)) {
        for (const frame of frames) yield* this.take(frame, reading)
        if (reading.ended) return
      }
    } catch (error) {
      if (signal.aborted) throw error
    } finally {
      exchange.drop.abort()
    }
    // A new chat that was cut before its first event has no id to reattach to.
    if (this.chatId === undefined && !reading.ended) throw new TypeError('The network connection was lost.')
    if (this.open.get()) this.fail(reading)
  }

  /** The frames of a response, as they arrive. Throws when the line is silent, closed on purpose, or broken. */
  private async *frames({ response, drop }: Exchange, reading: Reading): AsyncGenerator<Frame[]> {
    if (!response.body) return
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    const parser = new FrameParser()
    const stopWatching = this.open.subscribe(() => {
      if (!this.open.get() && this.chatId !== undefined) drop.abort()
    })
    try {
      for (;;) {
        const { done, value } = await this.withinSilence(reader.read(), drop)
        if (done) return
        this.recover(reading)
        yield parser.push(decoder.decode(value, { stream: true }))
      }
    } finally {
      stopWatching()
    }
  }

  private async withinSilence<T>(promise: Promise<T>, drop: AbortController): Promise<T> {
    const timer = setTimeout(() => {
      drop.abort()
    }, this.pace.silence)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** CF6: neither the end of the response nor [DONE] ends an answer; only its `data-run-end` does. */
  private *take({ id, data }: Frame, reading: Reading): Generator<Chunk> {
    if (data === '[DONE]') return
    const cursor = parseCursor(id)
    if (cursor && !isNew(cursor, reading.cursor)) return
    if (cursor) reading.cursor = cursor
    yield* this.accept(JSON.parse(data) as RunEvent, reading)
  }

  private *accept(event: RunEvent, reading: Reading): Generator<Chunk> {
    if (event.type === 'start') this.begin(event)
    if (isRunEnd(event)) reading.ended = true
    const chunk = toChunk(event)
    if (chunk) yield chunk
  }

  private begin(event: RunEvent): void {
    const { chatId, runId } = (event.messageMetadata ?? {}) as { chatId?: string; runId?: string }
    if (chatId === undefined || runId === undefined) return
    this.chatId = chatId
    this.onStart?.(chatId, runId)
  }

  /** One attempt to get the stream back; `undefined` asks for another. */
  private async *reattach(reading: Reading, signal: AbortSignal): AsyncGenerator<Chunk, Exchange | 'gone' | undefined> {
    await until(this.open, Boolean, signal)
    signal.throwIfAborted()
    await pause(this.delay(reading), signal)
    try {
      if (this.isPolling(reading)) yield* this.poll(reading, signal)
      if (reading.ended) return undefined
      return await this.attach(reading.cursor, signal)
    } catch (error) {
      if (signal.aborted) throw error
      if (isFinal(error)) return 'gone'
      this.fail(reading)
      return undefined
    }
  }

  private isPolling({ failures }: Reading): boolean {
    return failures >= this.pace.backoff.length
  }

  private delay(reading: Reading): number {
    if (reading.failures === 0) return 0
    return this.isPolling(reading) ? this.pace.poll : (this.pace.backoff[reading.failures - 1] ?? this.pace.poll)
  }

  private fail(reading: Reading): void {
    reading.failures += 1
    if (this.isPolling(reading)) this.line.set('reconnecting')
  }

  private recover(reading: Reading): void {
    reading.failures = 0
    this.line.set('up')
  }

  /** A plain read of the run's log (RD4), for networks where no stream gets through. */
  private async *poll(reading: Reading, signal: AbortSignal): AsyncGenerator<Chunk, void> {
    const from = reading.cursor ?? reading.start
    if (!from) return
    const { run, offset } = from
    const path = `/v1/stream/runs/${encodeURIComponent(run)}?offset=${offset}`
    const { response } = await this.fetch(path, {}, signal)
    const next = response.headers.get('stream-next-offset')
    if (!response.ok || next === null) return
    for (const event of (await response.json()) as RunEvent[]) yield* this.accept(event, reading)
    reading.cursor = { run, offset: next }
  }
}

/** A refusal that stays one however often it is asked again: the chat is gone or the cursor is of another run. */
function isFinal(error: unknown): boolean {
  return error instanceof ProblemError && error.status >= 400 && error.status < 500 && error.status !== 429
}

function requestOf({ trigger, messages, messageId, body }: Omit<SendOptions, 'abortSignal'>): object {
  const { model } = (body ?? {}) as SendBody
  if (trigger === 'regenerate-message') return { trigger, messageId, model }
  const message = messages.at(-1)
  return { message: message ? textOf(message) : '', clientMessageId: message?.id, model }
}

function continuation(messageId: string, model: string | undefined): object {
  return { trigger: 'continue-message', messageId, clientMessageId: generateId(), model }
}

function textOf(message: Message): string {
  return message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', cancel)
    function done(): void {
      signal.removeEventListener('abort', cancel)
      resolve()
    }
    function cancel(): void {
      clearTimeout(timer)
      reject(new DOMException('No longer awaited.', 'AbortError'))
    }
  })
}
