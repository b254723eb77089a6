/** Against a real server, on which sessions end. */
import { type Server, createServer } from 'node:http'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { problemOf, refusal, sessionOver } from '@/api/errors'
import { Signal } from '@/lib/signal'
import { Visits } from '@/queries/visit'

let server: Server
let visits: Visits
const others: Visits[] = []

function tab(): Visits {
  const opened = new Visits(new Signal(false), new BroadcastChannel('visits of a test'))
  others.push(opened)
  return opened
}

beforeEach(() => {
  server = createServer((_request, response) => {
    response.writeHead(401, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ code: 'session_ended', message: 'Your session has ended.' }))
  }).listen(0)
  sessionOver.set(false)
  visits = tab()
})

afterEach(() => {
  for (const each of others.splice(0)) each.close()
  server.close()
})

it('hears from any refusal that the session is over, and of no other one', async () => {
  refusal(401, { code: 'credentials_wrong', message: 'No.' })
  expect(sessionOver.get()).toBe(false)
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const error = await problemOf(await fetch(`http://127.0.0.1:${port ?? 0}/`))
  expect(error.code).toBe('session_ended')
  expect(sessionOver.get()).toBe(true)
})

it('keeps nothing of one person for the next, in any tab (D1)', async () => {
  const other = tab()
  const [before, otherBefore] = [visits.current.get(), other.current.get()]
  for (const { client } of [before, otherBefore]) client.setQueryData(['chats'], 'what was theirs')
  sessionOver.set(true)
  visits.leave()
  const after = visits.current.get()
  expect(after).not.toBe(before)
  expect(after.client.getQueryData(['chats'])).toBeUndefined()
  expect(before.client.getQueryData(['chats'])).toBeUndefined()
  expect(sessionOver.get()).toBe(false)
  await vi.waitFor(() => {
    expect(other.current.get()).not.toBe(otherBefore)
  })
  expect(otherBefore.client.getQueryData(['chats'])).toBeUndefined()
})
