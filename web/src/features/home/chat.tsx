import { useEffect, useState } from 'react'
import { useLocation } from 'wouter'
import { writeDraft } from '@/lib/drafts'
import { fitting } from '@/lib/settings'
import { useConversation, useConversations } from '@/queries/conversations'
import { useMessageLimit } from '@/queries/me'
import { findModel, useModelChoice } from '@/queries/models'
import { useDraftSettings, writeSettings } from '@/queries/settings'
import type { FilePart } from '@/streams/message'
import { Badge } from '@/ui/badge'
import { ModelPicker } from '@/ui/picker'
import { writeFiles } from '../composer/attaching'
import { useComparison } from '../composer/comparison'
import { Composer } from '../composer/composer'
import { AllowanceNote } from '../usage/note'
import { Suggestions } from './suggest'
import { suggestionsFor } from './suggestions'
import { TemporarySwitch } from './temporary'

/** Asks the first question of a new chat, and hands the conversation over to its page once the server has named it. */
export function ChatAsk() {
  const conversations = useConversations()
  const [conversation] = useState(() => conversations.create())
  const { chatId, busy, failed } = useConversation(conversation)
  const { catalogue, model, choose } = useModelChoice()
  const { settings, choose: tune } = useDraftSettings('new')
  const { second, compare, row } = useComparison(catalogue, model)
  const [temporary, setTemporary] = useState(false)
  const limit = useMessageLimit()
  const [, navigate] = useLocation()

  useEffect(() => {
    if (chatId === undefined) return
    writeDraft('new', '')
    writeFiles('new', [])
    writeSettings(chatId, settings)
    writeSettings('new', undefined)
    navigate(`/chats/${chatId}`)
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the chat keeps what it was begun with
  }, [chatId, navigate])

  const send = (text: string, modelId = model?.id, files: readonly FilePart[] = []): void => {
    const taken = fitting(settings, findModel(catalogue, modelId)?.capabilities)
    const body = {
      ...(modelId !== undefined && { model: modelId }),
      ...second,
      ...(temporary && { temporary }),
      ...(Object.keys(taken).length > 0 && { settings: taken }),
    }
    void conversation.send(text, body, files)
  }

  return (
    <>
      <div>
        {row}
        <Composer
          draft="new"
          limit={limit}
          placeholder="Ask anything"
          busy={false}
          sending={busy}
          onSend={(text, _urgency, _clear, files) => {
            send(text, undefined, files)
          }}
          attachable
          model={model}
          settings={settings}
          onSettings={tune}
          picker={
            <>
              <ModelPicker providers={catalogue?.providers ?? []} value={model?.id} onChange={choose} />
              {compare}
            </>
          }
        />
        <TemporarySwitch on={temporary} onChange={setTemporary} />
        <AllowanceNote />
        {failed && (
          <p role="alert" className="mt-3 rounded-lg bg-danger-soft px-4 py-2 text-sm text-danger">
            {failed.reason}
          </p>
        )}
        {model?.isDemo && <DemoNote />}
      </div>
      <Suggestions
        suggestions={suggestionsFor(catalogue, model)}
        busy={busy}
        onPick={({ text, model: modelId }) => {
          send(text, modelId)
        }}
      />
    </>
  )
}

function DemoNote() {
  return (
    <p className="mt-3 flex flex-wrap items-center justify-center gap-2 text-center text-sm text-muted">
      <Badge>Demo</Badge> This model is built in and needs no key. Its answers are prepared.
    </p>
  )
}
