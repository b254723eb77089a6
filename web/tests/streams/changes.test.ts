import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { Signal, until } from '@/lib/signal'
import { type Change, ChangeFollower } from '@/streams/changes'

const log: Change[] = Array.from({ length: 12 }, (_, index) => ({ type: 'chat-delete', chatId: `c${index}` }))
const offset = (position: number): string => String(position).padStart(16, '0')
const frame = (from: number, to: number): string =>
  `id: ${offset(to)}\nevent: data\ndata:${JSON.stringify(log.slice(from, to))}\n\n` +
  `event: control\ndata:{"streamNextOffset":"${offset(to)}"}\n\n`

interface Exchange {
  response: ServerResponse
  from: number
  live: boolean
  count: number
}

let server: Server | undefined
const abort = new Signal(new AbortController())

afterEach(() => {
  abort.get().abort()
  abort.set(new AbortController())
  server?.closeAllConnections()
  server?.close()
})

async function serve(handle: (exchange: Exchange) => unknown): Promise<string> {
  let count = 0
  server = createServer((request: IncomingMessage, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams
    handle({ response, from: Number(query.get('offset')), live: query.get('live') === 'sse', count: count++ })
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function follow(origin: string, open = new Signal(true)) {
  const taken = new Signal<Change[]>([])
  const snapshots: boolean[] = []
  const follower = new ChangeFollower({
    origin,
    open,
    pace: { backoff: [5, 5, 5], poll: 10, silence: 150 },
    begin: (fresh) => {
      snapshots.push(fresh)
      return Promise.resolve(offset(fresh ? 6 : 2))
    },
    take: (changes, position) => {
      // Each comes once and in its place, also one that was read before the snapshot.
      taken.set([...taken.get(), ...log.slice(position, position + changes.length)])
    },
  })
  void follower.follow(abort.get().signal)
  return { taken, snapshots }
}

it('takes every change once, however often the line is cut', async () => {
  const origin = await serve(({ response, from }) => {
    if (from < log.length) response.write(frame(from, from + 2), () => setTimeout(() => response.destroy(), 5))
    else response.write(': keep-alive\n\n')
  })
  const { taken, snapshots } = follow(origin)
  await until(taken, ({ length }) => length === 10)
  expect(taken.get()).toEqual(log.slice(2))
  expect(snapshots).toEqual([false])
})

it('reads plainly where no stream gets through', async () => {
  const origin = await serve(({ response, from, live }) => {
    if (live) return response.writeHead(502).end()
    const next = Math.min(from + 3, log.length)
    return response.setHeader('stream-next-offset', offset(next)).end(JSON.stringify(log.slice(from, next)))
  })
  const { taken } = follow(origin)
  await until(taken, ({ length }) => length === 10)
  expect(taken.get()).toEqual(log.slice(2))
})

it('takes a new snapshot when its offset is gone', async () => {
  const origin = await serve(({ response, from, count }) => {
    if (count === 0) response.writeHead(410).end()
    else response.write(frame(from, log.length))
  })
  const { taken, snapshots } = follow(origin)
  await until(taken, ({ length }) => length > 0)
  expect(taken.get()).toEqual(log.slice(6))
  expect(snapshots).toEqual([false, true])
})

it('holds no connection while nobody looks and catches up afterwards', async () => {
  const closed = new Signal(0)
  const origin = await serve(({ response, from, count }) => {
    response.on('close', () => {
      closed.set(closed.get() + 1)
    })
    response.write(count === 0 ? frame(from, from + 1) : frame(from, log.length))
  })
  const open = new Signal(true)
  const { taken } = follow(origin, open)
  await until(taken, ({ length }) => length === 1)
  open.set(false)
  await until(closed, (count) => count === 1)
  open.set(true)
  await until(taken, ({ length }) => length === 10)
  expect(taken.get()).toEqual(log.slice(2))
})
