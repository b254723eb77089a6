import { useEffect, useState } from 'react'
import { useLocation } from 'wouter'
import { isNotFound, sentence } from '@/api/errors'
import { useChatDetail } from '@/queries/chats'
import { useConversation, useConversations } from '@/queries/conversations'
import { useModelChoice } from '@/queries/models'
import { Badge } from '@/ui/badge'
import { Button, IconButton } from '@/ui/button'
import { Composer } from '@/ui/composer'
import { Icon } from '@/ui/icon'
import { ModelPicker } from '@/ui/picker'
import { Notice, RetryNotice, Skeleton } from '@/ui/placeholder'
import { useStick } from '@/ui/stick'
import { Earlier, Thread } from './thread'

export function ChatScreen({ chatId }: { chatId: string }) {
  const conversation = useConversations().of(chatId)
  const state = useConversation(conversation)
  const { data, dataUpdatedAt, error, isPending, refetch } = useChatDetail(chatId, state.busy)

  useEffect(() => {
    if (data) conversation.adopt(data, dataUpdatedAt)
  }, [conversation, data, dataUpdatedAt])

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
      title={data?.title}
      chatModel={data?.model ?? undefined}
      loading={isPending && state.messages.length === 0}
      onRefresh={() => void refetch()}
    />
  )
}

interface RoomProps {
  chatId: string
  conversation: ReturnType<ReturnType<typeof useConversations>['of']>
  state: ReturnType<typeof useConversation>
  title: string | undefined
  chatModel: string | undefined
  loading: boolean
  onRefresh: () => void
}

function Room({ chatId, conversation, state, title, chatModel, loading, onRefresh }: RoomProps) {
  const { messages, busy, submitted, failed, stopping, earlier, line, error, notice } = state
  const { catalogue, model, choose } = useModelChoice(chatModel)
  const { scroller, content, away, jump, keepPlace } = useStick()
  // A message that could not be sent says so itself.
  const trouble = notice ?? (error && !failed ? sentence(error) : undefined)
  const send = (text: string, clear: () => void): void => {
    clear()
    jump()
    void conversation.send(text, model ? { model: model.id } : {})
  }
  return (
    <>
      <title>{`${title ?? 'Chat'} – Penstock`}</title>
      <Header title={title} isDemo={title !== undefined && model?.isDemo === true} />
      <div ref={scroller} className="scrollbar-thin relative min-h-0 flex-1 overflow-y-auto">
        <div ref={content} className="mx-auto flex max-w-3xl flex-col gap-7 px-4 pt-6 pb-8">
          {earlier !== undefined && <Earlier onLoad={() => void keepPlace(() => conversation.loadEarlier())} />}
          {loading ? (
            <Loading />
          ) : (
            <Thread
              conversation={conversation}
              messages={messages}
              busy={busy}
              submitted={submitted}
              failed={failed}
              model={model?.id}
            />
          )}
        </div>
      </div>
      <Announcer busy={busy} />
      <div className="relative mx-auto w-full max-w-3xl px-4 pb-4">
        {away && <Jump onClick={jump} />}
        {line === 'reconnecting' && <Reconnecting />}
        {trouble !== undefined && (
          <Trouble
            message={trouble}
            onDismiss={() => {
              conversation.dismiss()
              onRefresh()
            }}
          />
        )}
        <Composer
          draft={chatId}
          placeholder="Write a message"
          busy={busy}
          stopping={stopping}
          onStop={() => void conversation.stop()}
          onSend={send}
          picker={<ModelPicker providers={catalogue?.providers ?? []} value={model?.id} onChange={choose} />}
        />
      </div>
    </>
  )
}

function Header({ title, isDemo }: { title: string | undefined; isDemo: boolean }) {
  return (
    <header className="hidden h-14 shrink-0 items-center gap-3 border-b border-line px-6 md:flex">
      <h1 className="min-w-0 truncate text-sm font-medium">{title ?? ''}</h1>
      {isDemo && <Badge>Demo</Badge>}
    </header>
  )
}

function Loading() {
  return (
    <div role="status" aria-label="Loading the chat" className="flex flex-col gap-7">
      <Skeleton className="h-11 w-1/2 self-end rounded-2xl" />
      <div className="flex flex-col gap-3">
        <Skeleton className="h-4 w-11/12" />
        <Skeleton className="h-4 w-full" />
        <Skeleton className="h-4 w-3/5" />
      </div>
      <Skeleton className="h-11 w-2/5 self-end rounded-2xl" />
      <div className="flex flex-col gap-3">
        <Skeleton className="h-4 w-full" />
        <Skeleton className="h-4 w-4/5" />
      </div>
    </div>
  )
}

/** Says that an answer begins and ends; reading every token aloud would be noise. */
function Announcer({ busy }: { busy: boolean }) {
  const [begun, setBegun] = useState(busy)
  if (busy && !begun) setBegun(true)
  return (
    <p role="status" aria-live="polite" className="sr-only">
      {busy ? 'The answer is being written.' : begun ? 'The answer has ended.' : ''}
    </p>
  )
}

function Jump({ onClick }: { onClick: () => void }) {
  return (
    <button
      type="button"
      onClick={onClick}
      className="absolute -top-12 left-1/2 inline-flex h-9 -translate-x-1/2 items-center gap-2 rounded-full border border-line bg-surface px-4 text-sm font-medium shadow-md hover:bg-panel"
    >
      <Icon name="down" /> Jump to latest
    </button>
  )
}

function Reconnecting() {
  return (
    <p
      data-testid="reconnecting"
      role="status"
      className="mb-2 flex items-center gap-2 rounded-lg bg-warn-soft px-4 py-2 text-sm text-warn"
    >
      <span className="size-3.5 animate-spin rounded-full border-2 border-current border-t-transparent" />
      Reconnecting… The answer goes on meanwhile, and nothing is lost.
    </p>
  )
}

function Trouble({ message, onDismiss }: { message: string; onDismiss: () => void }) {
  return (
    <div
      role="alert"
      className="mb-2 flex items-center gap-2 rounded-lg bg-danger-soft py-1 ps-4 pe-1 text-sm text-danger"
    >
      <span className="flex-1">{message}</span>
      <IconButton icon="close" label="Dismiss" onClick={onDismiss} />
    </div>
  )
}

function Unknown() {
  const [, navigate] = useLocation()
  return (
    <Notice
      title="This chat does not exist"
      action={
        <Button
          kind="primary"
          icon="plus"
          onClick={() => {
            navigate('/')
          }}
        >
          Start a new chat
        </Button>
      }
    >
      <title>Chat not found – Penstock</title>
      It may have been deleted, or it belongs to someone else.
    </Notice>
  )
}
