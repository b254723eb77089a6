import { useEffect, useState } from 'react'
import { useLocation } from 'wouter'
import { passing } from '@/lib/storage'
import { useConversation, useConversations } from '@/queries/conversations'
import { useModelChoice } from '@/queries/models'
import { Badge } from '@/ui/badge'
import { Composer } from '@/ui/composer'
import { Mark } from '@/ui/mark'
import { ModelPicker } from '@/ui/picker'
import { suggestionsFor } from './suggestions'

/** Asks the first question of a new chat, and hands the conversation over to its page once the server has named it. */
export function Home() {
  const conversations = useConversations()
  const [conversation] = useState(() => conversations.create())
  const { chatId, busy, failed } = useConversation(conversation)
  const { catalogue, model, choose } = useModelChoice()
  const [, navigate] = useLocation()

  useEffect(() => {
    if (chatId === undefined) return
    passing.write('draft.new', null)
    navigate(`/chats/${chatId}`)
  }, [chatId, navigate])

  const send = (text: string, modelId = model?.id): void => {
    void conversation.send(text, modelId === undefined ? {} : { model: modelId })
  }

  return (
    <div className="scrollbar-thin flex flex-1 flex-col overflow-y-auto px-4">
      <title>Penstock</title>
      <div className="mx-auto flex w-full max-w-2xl flex-1 flex-col justify-center gap-6 py-10">
        <header className="flex flex-col items-center gap-4 text-center">
          <Mark className="size-12" />
          <h1 className="text-2xl font-semibold tracking-tight text-balance sm:text-3xl">
            What would you like to work out?
          </h1>
        </header>
        <div>
          <Composer
            draft="new"
            placeholder="Ask anything"
            busy={false}
            sending={busy}
            onSend={(text) => {
              send(text)
            }}
            picker={<ModelPicker providers={catalogue?.providers ?? []} value={model?.id} onChange={choose} />}
          />
          {failed && (
            <p role="alert" className="mt-3 rounded-lg bg-danger-soft px-4 py-2 text-sm text-danger">
              {failed.reason}
            </p>
          )}
          {model?.isDemo && <DemoNote />}
        </div>
        <ul className="grid gap-2 sm:grid-cols-2" aria-label="Suggestions">
          {suggestionsFor(catalogue, model).map(({ title, text, model: modelId }) => (
            <li key={title}>
              <button
                type="button"
                disabled={busy}
                onClick={() => {
                  send(text, modelId)
                }}
                className="flex h-full w-full flex-col items-start rounded-xl border border-line px-4 py-3 text-start transition-colors hover:border-accent hover:bg-surface disabled:opacity-60"
              >
                <span className="text-sm font-medium">{title}</span>
                <span className="mt-0.5 text-sm text-muted">{text}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </div>
  )
}

function DemoNote() {
  return (
    <p className="mt-3 flex flex-wrap items-center justify-center gap-2 text-center text-sm text-muted">
      <Badge>Demo</Badge> This model is built in and needs no key. Its answers are prepared.
    </p>
  )
}
