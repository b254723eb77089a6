/**
 * Carries a run to the AI SDK as one chunk stream that ends only with the run: cut connections are reattached by cursor
 * (CF4, CF6), so the SDK never sees a drop. One transport serves one chat.
 */
import { type ChatTransport, generateId } from 'ai'
import type { ChatSettings } from '@/api/client'
import { ProblemError, problemOf } from '@/api/errors'
import { Signal, until } from '@/lib/signal'
import { type Cursor, firstOffset, formatCursor, isNew, parseCursor } from './cursor'
import { type Chunk, type RunEvent, isRunEnd, toChunk } from './events'
import { type Message, filesOf } from './message'
import { pause } from './pause'
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

export const usualPace: Pace = { backoff: [250, 750, 2000], poll: 2000, silence: 40_000 }

export interface TransportOptions {
  chatId?: string
  /** The one run to follow; else whichever is live on the chosen path. */
  runId?: string
  origin?: string
  pace?: Pace
  /** Closed while nobody looks: the stream is dropped then and taken up again at the cursor. */
  open?: Signal<boolean>
  onStart?: (chatId: string, runId: string) => void
}

/** What becomes of a message while an answer runs (WB2). */
export type WhenBusy = 'enqueue' | 'interrupt'

/** An HTTP exchange that can be dropped without telling the SDK. */
interface Exchange {
  response: Response
  drop: AbortController
}

/** What a send in start mode answers (CF7). */
interface Started {
  chatId: string
  runId: string
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
  /** Another model, which answers the same side by side. */
  compareWith?: string
  /** Begins a chat that is not kept. */
  temporary?: true
  settings?: ChatSettings
  /** The message that the new one is another version of; the chat goes on from there. */
  edits?: string
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
  private readonly runId: string | undefined
  private readonly origin: string
  private readonly pace: Pace
  private readonly open: Signal<boolean>
  private readonly onStart: TransportOptions['onStart']

  constructor({ chatId, runId, origin = '', pace = usualPace, open, onStart }: TransportOptions = {}) {
    this.chatId = chatId
    this.runId = runId
    this.origin = origin
    this.pace = pace
    this.open = open ?? new Signal(true)
    this.onStart = onStart
  }

  async sendMessages({ abortSignal, ...options }: SendOptions): Promise<ReadableStream<Chunk>> {
    return this.ask(requestOf(options), abortSignal)
  }

  /** Leaves a message in the line of a chat that is answering; whoever follows the chat takes its answer up in turn. */
  async enqueue(message: Message, whenBusy: WhenBusy, body: SendBody): Promise<void> {
    await this.start({ ...submission(message, body), whenBusy })
  }

  async reconnectToStream({ abortSignal, body }: ReconnectOptions): Promise<ReadableStream<Chunk> | null> {
    const { continues, model, settings, runId } = (body ?? {}) as SendBody
    if (continues !== undefined) return this.ask(continuation(continues, { model, settings }), abortSignal)
    const exchange = await this.attachOrRetry(abortSignal)
    if (exchange === 'gone') return null
    const reading = beginning(runId === undefined ? undefined : { run: runId, offset: '-1' })
    return toStream((signal) => this.follow(exchange, reading, signal), abortSignal)
  }

  /** Asks for an answer and follows it; where no stream gets through, asks again without one, which starts no second run. */
  private async ask(request: object, abortSignal?: AbortSignal): Promise<ReadableStream<Chunk>> {
    try {
      const exchange = await this.post(request, abortSignal)
      return toStream((signal) => this.follow(exchange, beginning(), signal), abortSignal)
    } catch (error) {
      if (abortSignal?.aborted || isOurs(error)) throw error
    }
    const { runId } = await this.start(request, abortSignal)
    const reading = beginning({ run: runId, offset: '-1' })
    reading.failures = this.pace.backoff.length
    this.line.set('reconnecting')
    return toStream((signal) => this.follow(undefined, reading, signal), abortSignal)
  }

  private async start(request: object, signal?: AbortSignal): Promise<Started> {
    const { response } = await this.post({ ...request, responseMode: 'start' }, signal)
    const started = (await response.json()) as Started
    this.chatId = started.chatId
    return started
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
    const request = fetch(this.origin + path, { ...init, credentials: 'same-origin', signal: either })
    return { response: await this.withinSilence(request, drop), drop }
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

  private async attach(behind: Cursor | undefined, signal?: AbortSignal): Promise<Exchange | 'gone'> {
    const cursor = behind ?? (this.runId === undefined ? undefined : { run: this.runId, offset: firstOffset })
    const query = cursor ? `?after=${encodeURIComponent(formatCursor(cursor))}` : ''
    const path = `/api/chat/${encodeURIComponent(this.chatId ?? '')}/stream${query}`
    const exchange = await this.fetch(path, {}, signal)
    if (exchange.response.status === 204) return 'gone'
    if (!exchange.response.ok) throw await problemOf(exchange.response)
    return exchange
  }

  private async *follow(
    first: Exchange | undefined,
    reading: Reading,
    signal: AbortSignal,
  ): AsyncGenerator<Chunk, void> {
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

function beginning(start?: Cursor): Reading {
  return { start, cursor: undefined, failures: 0, ended: false }
}

/** A refusal by the server itself, and not by what stands between. */
function isOurs(error: unknown): error is ProblemError {
  return error instanceof ProblemError && error.code !== 'unknown'
}

/** A refusal that stays one however often it is asked again: the chat is gone or the cursor is of another run. */
function isFinal(error: unknown): boolean {
  return isOurs(error) && error.status < 500 && error.status !== 429
}

function requestOf({ trigger, messages, messageId, body }: Omit<SendOptions, 'abortSignal'>): object {
  const sent = (body ?? {}) as SendBody
  const { model, settings } = sent
  if (trigger === 'regenerate-message') return { trigger, messageId, clientMessageId: generateId(), model, settings }
  const message = messages.at(-1)
  return message ? submission(message, sent) : {}
}

function submission(message: Message, { model, compareWith, temporary, settings, edits }: SendBody): object {
  // An edit keeps what was attached to what it is another version of.
  const files = edits === undefined ? filesOf(message) : []
  const attachments = files.length > 0 ? files.map(({ url }) => ({ url })) : undefined
  const how = { model, compareWith, temporary, settings }
  return { message: textOf(message), clientMessageId: message.id, messageId: edits, attachments, ...how }
}

function continuation(messageId: string, how: object): object {
  return { trigger: 'continue-message', messageId, clientMessageId: generateId(), ...how }
}

function textOf(message: Message): string {
  return message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}
