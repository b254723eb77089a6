// Reads the log of a run with the stock client of Durable Streams: to its end as it is written, and again at once.
import { stream } from '@durable-streams/client'

const { LOG: url, TOKEN: token } = process.env
const headers = { authorization: `Bearer ${token}` }

async function follow(live) {
  const response = await stream({ url, headers, offset: '-1', live, warnOnHttp: false })
  const items = []
  for await (const item of response.jsonStream()) items.push(item)
  return { items, offset: response.offset, closed: response.streamClosed }
}

async function catchUp() {
  const response = await stream({ url, headers, offset: '-1', live: false, warnOnHttp: false })
  return { items: await response.json(), offset: response.offset, closed: response.streamClosed }
}

const middle = await catchUp()
const followed = await Promise.all(['sse', 'long-poll', true].map(follow))
console.log(JSON.stringify({ middle, followed, caught: await catchUp() }))
