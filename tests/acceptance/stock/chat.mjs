// What the AI SDK's `useChat` does, with its own transport and nothing of ours: sends, and takes up in mid-answer.
import { Chat } from '@ai-sdk/react'
import { DefaultChatTransport } from 'ai'

const { PENSTOCK_AT: origin, TOKEN: token, MODEL: model } = process.env
const id = 'a-chat-of-a-stock-client'
const failures = []

function chat(messages) {
  return new Chat({
    id,
    messages,
    transport: new DefaultChatTransport({
      api: `${origin}/api/chat`,
      headers: { authorization: `Bearer ${token}` },
      body: { model },
    }),
    onError: (error) => failures.push(String(error)),
  })
}

function textOf(message) {
  return (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('')
}

async function written(of) {
  while (failures.length === 0 && (of.lastMessage?.role !== 'assistant' || textOf(of.lastMessage) === ''))
    await new Promise((resolve) => setTimeout(resolve, 5))
}

const first = chat([])
const sent = first.sendMessage({ text: 'Count for me' })
await written(first)
const second = chat(first.messages.slice(0, 1))
const begun = textOf(first.lastMessage)
await Promise.all([sent, second.resumeStream()])
// Its history goes along, and only the last message counts.
await first.sendMessage({ text: 'And again' })
console.log(
  JSON.stringify({
    failures,
    begun,
    statuses: [first.status, second.status],
    sent: first.messages,
    resumed: second.messages,
  }),
)
