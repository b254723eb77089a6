import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readUIMessageStream } from 'ai'
import { afterEach, expect, it } from 'vitest'
import { ProblemError } from '@/api/errors'
import { Signal, until } from '@/lib/signal'
import type { Chunk, RunEvent } from '@/streams/events'
import type { Message } from '@/streams/message'
import { Transport, type TransportOptions } from '@/streams/transport'

const words = Array.from({ length: 60 }, (_, index) => `wörd${index} `)
const answer = words.join('')
const log: RunEvent[] = [
  { type: 'start', messageId: 'm1', messageMetadata: { chatId: 'c1', runId: 'r1' } },
  { type: 'start-step' },
  { type: 'text-start', id: 't' },
  ...words.map((delta) => ({ type: 'text-delta', id: 't', delta })),
  { type: 'text-end', id: 't' },
  { type: 'finish-step' },
  { type: 'finish', finishReason: 'stop' },
  { type: 'data-run-end', transient: true, data: { status: 'completed', finishReason: 'stop' } },
]

const offset = (position: number): string => String(position).padStart(16, '0')
const frame = (position: number): string => `id: r1:${offset(position + 1)}\ndata: ${JSON.stringify(log[position])}\n\n`
const frames = (from: number, to = log.length): string =>
  Array.from({ length: to - from }, (_, index) => frame(from + index)).join('')

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  /** The position after the cursor, 0 without one. */
  from: number
  /** How many requests came before this one. */
  count: number
  url: string
  body: Record<string, unknown>
}

let server: Server | undefined

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function serve(handle: (exchange: Exchange) => unknown): Promise<string> {
  let count = 0
  server = createServer((request, response) => {
    let text = ''
    request.on('data', (data: Buffer) => (text += data.toString()))
    request.on('end', () => {
      const url = request.url ?? ''
      const after = new URL(url, 'http://x').searchParams.get('after')
      const body = text ? (JSON.parse(text) as Record<string, unknown>) : {}
      handle({ request, response, url, body, from: after ? Number(after.split(':')[1]) : 0, count: count++ })
    })
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const pace = { backoff: [5, 5, 5], poll: 10, silence: 150 }

function transport(origin: string, options: TransportOptions = {}): Transport {
  return new Transport({ origin, pace, ...options })
}

function send(to: Transport, abortSignal?: AbortSignal): Promise<ReadableStream<Chunk>> {
  const messages: Message[] = [{ id: 'u1', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }]
  return to.sendMessages({ trigger: 'submit-message', chatId: 'local', messageId: undefined, messages, abortSignal })
}

async function fold(stream: ReadableStream<Chunk>): Promise<Message | undefined> {
  let last: Message | undefined
  for await (const message of readUIMessageStream<Message>({ stream, terminateOnError: true })) last = message
  return last
}

const text = (message?: Message): string =>
  message?.parts.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? ''

it('sends the last message and reports the new chat', async () => {
  let body = {}
  const origin = await serve((exchange) => {
    body = exchange.body
    exchange.response.end(frames(0) + 'data: [DONE]\n\n')
  })
  const started: string[] = []
  const message = await fold(await send(transport(origin, { onStart: (...ids) => started.push(...ids) })))
  expect(body).toEqual({ message: 'Hi', clientMessageId: 'u1' })
  expect(started).toEqual(['c1', 'r1'])
  expect(text(message)).toBe(answer)
  expect(message?.metadata?.status).toBe('completed')
})

it('loses and repeats nothing when every connection is cut in the middle of a frame', async () => {
  const origin = await serve(({ response, from }) => {
    const to = Math.min(from + 5, log.length)
    const cut = to < log.length ? frame(to).slice(0, 40) : ''
    response.write(frames(from, to) + cut, () => setTimeout(() => response.destroy(), 5))
  })
  expect(text(await fold(await send(transport(origin))))).toBe(answer)
})

it('loses nothing when a character is cut in its middle', async () => {
  const origin = await serve(({ response, from }) => {
    const bytes = Buffer.from(frames(from, Math.min(from + 7, log.length)))
    const cut = from + 7 < log.length ? bytes.indexOf(Buffer.from('ö'), bytes.length - 20) + 1 : bytes.length
    response.write(bytes.subarray(0, cut), () => setTimeout(() => response.destroy(), 5))
  })
  expect(text(await fold(await send(transport(origin))))).toBe(answer)
})

it('takes an end without data-run-end for a cut, with or without [DONE]', async () => {
  const origin = await serve(({ response, from, count }) => {
    const to = Math.min(from + 10, log.length)
    response.end(frames(from, to) + (count % 2 ? 'data: [DONE]\n\n' : ''))
  })
  expect(text(await fold(await send(transport(origin))))).toBe(answer)
})

it('skips frames that are repeated', async () => {
  const origin = await serve(({ response, from }) => {
    response.end(frames(Math.max(0, from - 4), Math.min(from + 10, log.length)))
  })
  expect(text(await fold(await send(transport(origin))))).toBe(answer)
})

it('reconnects when the line falls silent', async () => {
  const origin = await serve(({ response, from, count }) => {
    response.write(frames(from, count === 0 ? 20 : log.length))
  })
  expect(text(await fold(await send(transport(origin))))).toBe(answer)
})

it('ends when the run is gone', async () => {
  const origin = await serve(({ response, count }) => {
    if (count === 0) response.end(frames(0, 10))
    else response.writeHead(204).end()
  })
  const message = await fold(await send(transport(origin)))
  expect(text(message)).toBe(words.slice(0, 7).join(''))
  expect(message?.metadata?.status).toBeUndefined()
})

it('reports reconnecting after three failures, polls, and goes back to the stream', async () => {
  let polls = 0
  const origin = await serve(({ response, url, from, count }) => {
    if (count === 0) response.end(frames(0, 10))
    else if (url.startsWith('/v1/stream/runs/r1?offset=')) {
      polls += 1
      const start = Number(new URL(url, 'http://x').searchParams.get('offset'))
      const next = Math.min(start + 3, 40)
      response.setHeader('stream-next-offset', offset(next)).end(JSON.stringify(log.slice(start, next)))
    } else if (polls < 3) response.writeHead(503).end()
    else response.end(frames(from))
  })
  const lines: string[] = []
  const subject = transport(origin)
  subject.line.subscribe(() => lines.push(subject.line.get()))
  expect(text(await fold(await send(subject)))).toBe(answer)
  expect(polls).toBe(3)
  expect(lines).toEqual(['reconnecting', 'up'])
})

it('replays a run after a reload', async () => {
  const origin = await serve(({ response, url }) => {
    expect(url).toBe('/api/chat/c1/stream')
    response.end(frames(0))
  })
  const stream = await transport(origin, { chatId: 'c1' }).reconnectToStream({ chatId: 'local' })
  expect(stream && text(await fold(stream))).toBe(answer)
})

it('follows the one run that it is for, from its beginning', async () => {
  const asked: string[] = []
  const origin = await serve(({ response, url, from }) => {
    asked.push(url)
    const to = from === 0 ? 5 : log.length
    response.write(frames(from, to), () => (to < log.length ? response.destroy() : response.end()))
  })
  const subject = transport(origin, { chatId: 'c1', runId: 'r1' })
  const stream = await subject.reconnectToStream({ chatId: 'local', body: { runId: 'r1' } })
  expect(stream && text(await fold(stream))).toBe(answer)
  expect(asked).toEqual([0, 5].map((position) => `/api/chat/c1/stream?after=r1%3A${offset(position)}`))
})

it('polls a run from its beginning where no stream ever gets through', async () => {
  const origin = await serve(({ response, url }) => {
    if (!url.startsWith('/v1/')) return response.writeHead(502).end()
    const position = new URL(url, 'http://x').searchParams.get('offset')
    const start = position === '-1' ? 0 : Number(position)
    const next = Math.min(start + 25, log.length)
    return response.setHeader('stream-next-offset', offset(next)).end(JSON.stringify(log.slice(start, next)))
  })
  const subject = transport(origin, { chatId: 'c1' })
  const stream = await subject.reconnectToStream({ chatId: 'local', body: { runId: 'r1' } })
  expect(stream && text(await fold(stream))).toBe(answer)
})

it('has nothing to replay when no run is live', async () => {
  const origin = await serve(({ response }) => response.writeHead(204).end())
  expect(await transport(origin, { chatId: 'c1' }).reconnectToStream({ chatId: 'local' })).toBeNull()
})

it('lets a message go on as a replay', async () => {
  let body: Record<string, unknown> = {}
  const origin = await serve((exchange) => {
    body = exchange.body
    exchange.response.end(frames(0))
  })
  const subject = transport(origin, { chatId: 'c1' })
  const stream = await subject.reconnectToStream({ chatId: 'local', body: { continues: 'm1', model: 'demo/tour' } })
  expect(stream && text(await fold(stream))).toBe(answer)
  expect(body).toMatchObject({ trigger: 'continue-message', messageId: 'm1', chatId: 'c1', model: 'demo/tour' })
})

it('drops the stream while nobody looks and goes on at the cursor', async () => {
  const open = new Signal(true)
  const closed = new Signal(0)
  const origin = await serve(({ response, from, count }) => {
    response.on('close', () => {
      closed.set(closed.get() + 1)
    })
    if (count === 0) response.write(frames(0, 20))
    else response.end(frames(from))
  })
  const folded = fold(await send(transport(origin, { open })))
  await new Promise((resolve) => setTimeout(resolve, 50))
  open.set(false)
  await until(closed, (count) => count === 1)
  await new Promise((resolve) => setTimeout(resolve, 30))
  open.set(true)
  expect(text(await folded)).toBe(answer)
  expect(closed.get()).toBe(2)
})

it("passes the server's refusal on", async () => {
  const problem = { code: 'message_empty', message: 'Write something first.', requestId: 'q1' }
  const origin = await serve(({ response }) => response.writeHead(422).end(JSON.stringify(problem)))
  const refusal = await send(transport(origin)).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(ProblemError)
  expect(refusal).toMatchObject({ code: 'message_empty', message: 'Write something first.', status: 422 })
})

it('lets go of the connection when aborted', async () => {
  const closed = new Signal(false)
  const origin = await serve(({ response }) => {
    response.on('close', () => {
      closed.set(true)
    })
    response.write(frames(0, 20))
  })
  const abort = new AbortController()
  const reader = (await send(transport(origin), abort.signal)).getReader()
  await reader.read()
  abort.abort()
  await until(closed, Boolean)
})

it('asks in start mode and polls where no stream gets through', async () => {
  const asked: Record<string, unknown>[] = []
  const origin = await serve(({ response, url, body }) => {
    if (url.startsWith('/api/chat') && body.responseMode !== 'start') {
      if (body.message !== undefined) asked.push(body)
      response.writeHead(502).end()
    } else if (url === '/api/chat') {
      asked.push(body)
      response.end(JSON.stringify({ chatId: 'c1', runId: 'r1', messageId: 'm1' }))
    } else {
      const from = Number(new URL(url, 'http://x').searchParams.get('offset'))
      response
        .writeHead(200, { 'stream-next-offset': offset(log.length) })
        .end(JSON.stringify(log.slice(Math.max(0, from))))
    }
  })
  const made = transport(origin)
  const stream = await send(made)
  expect(made.line.get()).toBe('reconnecting')
  expect(text(await fold(stream))).toBe(answer)
  expect(asked.map(({ clientMessageId }) => clientMessageId)).toEqual(['u1', 'u1'])
  expect(made.line.get()).toBe('up')
})

it('asks only once when the server itself refuses', async () => {
  let count = 0
  const origin = await serve(({ response }) => {
    count += 1
    response.writeHead(503, { 'content-type': 'application/json' }).end('{"code":"draining","message":"Soon."}')
  })
  await expect(send(transport(origin))).rejects.toThrow('Soon.')
  expect(count).toBe(1)
})
