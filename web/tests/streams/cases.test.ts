/** The shared examples of protocol/SPEC.md: the same events must fold to the same message here and on the server. */
import { readFileSync, readdirSync } from 'node:fs'
import { readUIMessageStream } from 'ai'
import { describe, expect, it } from 'vitest'
import { type RunEvent, toChunk } from '@/streams/events'
import type { Message } from '@/streams/message'
import { toStream } from '@/streams/stream'

interface Case {
  name: string
  events: RunEvent[]
  message: Pick<Message, 'id' | 'parts'>
  status: string
}

const folder = new URL('../../../protocol/cases/', import.meta.url)
const cases = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Case)

async function fold(events: RunEvent[]): Promise<Message | undefined> {
  // eslint-disable-next-line @typescript-eslint/require-await -- toStream takes an async generator
  const stream = toStream(async function* () {
    for (const event of events) {
      const chunk = toChunk(event)
      if (chunk) yield chunk
    }
  })
  let last: Message | undefined
  for await (const message of readUIMessageStream<Message>({ stream, terminateOnError: true })) last = message
  return last
}

describe('protocol cases', () => {
  it.each(cases)('$name', async ({ events, message, status }) => {
    const folded = await fold(events)
    // Through JSON, as optional fields that are undefined are not there on the wire.
    const { id, parts, metadata } = JSON.parse(JSON.stringify(folded)) as Message
    expect({ id, parts }).toEqual(message)
    expect(metadata?.status).toBe(status)
  })
})
