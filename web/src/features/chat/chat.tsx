import { useEffect } from 'react'
import { useLocation } from 'wouter'
import type { ChatDetail } from '@/api/client'
import { isNotFound, sentence } from '@/api/errors'
import { fitting } from '@/lib/settings'
import { useBeside } from '@/queries/beside'
import { useChooseVersion } from '@/queries/branches'
import { useChatDetail } from '@/queries/chats'
import { tokensOf } from '@/queries/context'
import { useConversation, useConversations } from '@/queries/conversations'
import { useMessageLimit } from '@/queries/me'
import { useModelChoice } from '@/queries/models'
import { useChatSettings } from '@/queries/settings'
import type { FilePart } from '@/streams/message'
import { LateSheet } from '@/ui/fetching'
import { late } from '@/ui/late'
import { ModelPicker } from '@/ui/picker'
import { RetryNotice } from '@/ui/placeholder'
import { useStick } from '@/ui/stick'
import { useComparison } from '../composer/comparison'
import { Composer, type Urgency } from '../composer/composer'
import { Gauge } from '../composer/gauge'
import { AllowanceNote } from '../usage/note'
import { useGoal } from './goal'
import { Header } from './header'
import { Line } from './line'
import { Announcer, Aside, Jump, Loading, Reconnecting, TemporaryNotice, Trouble, Unknown } from './notices'
import { More, Thread } from './thread'

const ContextSheet = late(() => import('../composer/contextsheet'))

export function ChatScreen({ chatId }: { chatId: string }) {
  const conversation = useConversations().of(chatId)
  const state = useConversation(conversation)
  const { data, error, isPending, refetch } = useChatDetail(chatId)

  useEffect(() => {
    if (data) conversation.adopt(data, data.askedAt)
  }, [conversation, data])

  if (isNotFound(error)) return <Unknown />
  if (state.messages.length === 0 && error) {
    return (
      <RetryNotice title="This chat could not be loaded" message={sentence(error)} onRetry={() => void refetch()} />
    )
  }
  return (
    <Room
      chatId={chatId}
      conversation={conversation}
      state={state}
      chat={data}
      loading={isPending && state.messages.length === 0}
      onRefresh={() => void refetch()}
    />
  )
}

interface RoomProps {
  chatId: string
  conversation: ReturnType<ReturnType<typeof useConversations>['of']>
  state: ReturnType<typeof useConversation>
  chat: ChatDetail | undefined
  loading: boolean
  onRefresh: () => void
}

function Room({ chatId, conversation, state, chat, loading, onRefresh }: RoomProps) {
  const { messages, busy: answering, submitted, failed, stopping, stretch, line, error, notice, waiting } = state
  const { messages: shown, earlier, later, aside } = stretch ?? { ...state, later: undefined, aside: undefined }
  const { title, temporary = false } = chat ?? {}
  const { catalogue, model, choose } = useModelChoice(chat?.model ?? undefined)
  const beside = useBeside(conversation, messages.at(-1))
  const busy = answering || beside?.live === true
  const { second, compare, row } = useComparison(catalogue, model)
  const limit = useMessageLimit()
  const { scroller, content, away, jump, visit } = useStick({ first: shown[0]?.id, whole: later === undefined })
  useGoal(conversation, messages.length > 0, visit)
  const { mutate: chooseVersion, isPending: choosing, error: refusal, reset } = useChooseVersion(chatId)
  const [location, navigate] = useLocation()
  const trouble =
    notice ??
    // A message that could not be sent says so itself.
    (error && !failed ? sentence(error) : refusal ? sentence(refusal) : undefined)
  const { settings, choose: tune } = useChatSettings(chatId, chat, messages)
  const taken = fitting(settings, model?.capabilities)
  const body = { ...(model && { model: model.id }), ...(Object.keys(taken).length > 0 && { settings: taken }) }
  const send = (text: string, urgency: Urgency, clear: () => void, files: readonly FilePart[]): void => {
    if (urgency === 'now') {
      clear()
      jump()
      void conversation.send(text, { ...body, ...second }, files)
      return
    }
    // A message that does not get into the line stays where it was typed.
    void conversation.enqueue(text, urgency === 'later' ? 'enqueue' : 'interrupt', body, files).then((taken) => {
      if (taken) clear()
    })
  }
  const gauge = (text: string, files: readonly FilePart[]) =>
    model &&
    messages.length > 0 && (
      <Gauge
        used={tokensOf(messages, text)}
        room={model.capabilities.contextWindow}
        sheet={(onClose) => (
          <LateSheet onClose={onClose}>
            <ContextSheet
              chatId={chatId}
              body={{
                ...body,
                ...(text.trim() !== '' && { message: text.trim() }),
                attachments: files.map(({ url }) => url.slice(url.lastIndexOf('/') + 1)),
              }}
              messages={messages}
              onClose={onClose}
            />
          </LateSheet>
        )}
      />
    )
  return (
    <>
      <title>{`${title ?? 'Chat'} – Penstock`}</title>
      <Header
        chatId={chatId}
        title={title}
        isDemo={title !== undefined && model?.isDemo === true}
        temporary={temporary}
      />
      <div ref={scroller} className="scrollbar-thin relative min-h-0 flex-1 overflow-y-auto">
        <div ref={content} className="mx-auto flex max-w-3xl flex-col gap-4 px-4 pt-6 pb-8">
          {temporary && <TemporaryNotice />}
          {earlier !== undefined && (
            <More
              cursor={earlier}
              label="Show earlier messages"
              scroller={scroller}
              onLoad={() => void conversation.load('earlier')}
            />
          )}
          {loading ? (
            <Loading />
          ) : (
            <Thread
              conversation={conversation}
              messages={shown}
              apart={stretch !== undefined}
              busy={answering}
              submitted={submitted}
              failed={failed}
              body={body}
              beside={beside}
              modelId={chat?.messages.items.at(-1)?.model ?? undefined}
              onModel={choose}
              choosing={choosing}
              onChoose={(messageId) => {
                chooseVersion(messageId, {
                  onSuccess: () => {
                    // It is as far from the end as the one that was shown.
                    if (stretch) navigate(`${location}?message=${messageId}`, { replace: true })
                  },
                })
              }}
            />
          )}
          {later !== undefined && (
            <More
              cursor={later}
              label="Show later messages"
              scroller={scroller}
              onLoad={() => void conversation.load('later')}
            />
          )}
        </div>
      </div>
      <Announcer busy={busy} />
      <div className="dock relative mx-auto w-full max-w-3xl px-4 pb-4">
        {(away || stretch !== undefined) && (
          <Jump
            onClick={() => {
              conversation.returnToEnd()
              requestAnimationFrame(jump)
            }}
          />
        )}
        {line === 'reconnecting' && <Reconnecting />}
        {trouble !== undefined && (
          <Trouble
            message={trouble}
            onDismiss={() => {
              conversation.dismiss()
              reset()
              onRefresh()
            }}
          />
        )}
        {aside !== undefined && (
          <Aside
            disabled={busy || choosing}
            onChoose={() => {
              chooseVersion(aside, {
                onSuccess: () => {
                  conversation.settleHere()
                },
              })
            }}
          />
        )}
        <Line waiting={waiting} onWithdraw={(runId) => void conversation.withdraw(runId)} />
        {row}
        <Composer
          draft={chatId}
          limit={limit}
          placeholder={temporary ? 'Write a message that is not kept' : 'Write a message'}
          busy={busy}
          stopping={stopping}
          onStop={() => {
            if (answering) void conversation.stop()
            if (beside?.live) void beside.stop()
          }}
          onSend={send}
          attachable
          model={model}
          settings={settings}
          onSettings={tune}
          gauge={gauge}
          picker={
            <>
              <ModelPicker providers={catalogue?.providers ?? []} value={model?.id} onChange={choose} />
              {compare}
            </>
          }
        />
        <AllowanceNote />
      </div>
    </>
  )
}
