/** The answer of another model that was asked for with the last one, as it happens and as it is stored (B15). */
import { Chat } from '@ai-sdk/react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { type Message as Stored, getMessage, stopRun } from '@/api/client'
import type { Message } from '@/streams/message'
import { Transport } from '@/streams/transport'
import { useChooseVersion } from './branches'
import type { Conversation } from './conversation'
import { toMessage } from './messages'

/** So often is a stored answer asked for that should be over, in milliseconds. */
const again = 1000

const keyOf = (chatId: string | undefined, place: object | undefined) => ['beside', chatId, place] as const

/** Where it is found; undefined where only one model was asked. */
function placeOf(message: Message | undefined): { id?: string; runId?: string } | undefined {
  const { facts, besideRunId } = message?.metadata ?? {}
  if (facts) return facts.besideId === null ? undefined : { id: facts.besideId }
  return besideRunId === undefined ? undefined : { runId: besideRunId }
}

export interface Beside {
  /** As it is stored; undefined while it is fetched. */
  message: Message | undefined
  /** Where it grows, while it is written. */
  growing: Chat<Message> | undefined
  error: Error | null
  /** It is being written, or waits for its turn. */
  live: boolean
  /** Stops it; what is written stays. */
  stop: () => Promise<void>
  retry: () => void
}

/** Follows what stands beside a message, if anything does. */
export function useBeside(conversation: Conversation, last: Message | undefined): Beside | undefined {
  const chatId = conversation.chatId.get()
  const place = last?.role === 'assistant' ? placeOf(last) : undefined
  const [ended, setEnded] = useState<string>()
  const { data, error, refetch } = useQuery({
    queryKey: keyOf(chatId, place),
    queryFn: () => getMessage(chatId ?? '', place ?? {}),
    enabled: chatId !== undefined && place !== undefined,
    staleTime: 0,
    // For as long as it is kept, so is the conversation.
    gcTime: 10_000,
    // Found by its run it is the same as found by its id.
    placeholderData: (before) => (before?.besideId === last?.id ? before : undefined),
    // What was read just before the end may come behind it.
    refetchInterval: ({ state }) => (isLive(state.data) && state.data?.runId === ended ? again : false),
  })
  const growing = useGrowing(conversation, data, (runId) => {
    setEnded(runId)
    void refetch()
  })
  if (!place) return undefined
  const live = isLive(data)
  return {
    message: data && toMessage(data),
    growing,
    error,
    live,
    stop: async () => {
      if (data?.runId != null) await stopRun(data.runId)
      await refetch()
    },
    retry: () => void refetch(),
  }
}

function isLive(stored: Stored | undefined): boolean {
  return stored?.status === 'streaming' || stored?.status === 'pending'
}

/** Follows the run of a live answer; undefined of one that is over. */
function useGrowing(
  conversation: Conversation,
  stored: Stored | undefined,
  onEnd: (runId: string) => void,
): Chat<Message> | undefined {
  const runId = isLive(stored) ? (stored?.runId ?? null) : null
  const chatId = conversation.chatId.get()
  const [side, setSide] = useState<{ runId: string; chat: Chat<Message> }>()
  if (runId !== null && stored && chatId !== undefined && side?.runId !== runId) {
    const transport = new Transport({ chatId, runId, open: conversation.open })
    setSide({ runId, chat: new Chat<Message>({ transport, messages: [toMessage(stored)] }) })
  }
  const chat = runId !== null && side?.runId === runId ? side.chat : undefined
  useEffect(() => {
    if (!chat || runId === null) return
    let watching = true
    void chat.resumeStream({ body: { runId } }).then(() => {
      if (watching) onEnd(runId)
    })
    return () => {
      watching = false
      void chat.stop()
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- one stream for one run
  }, [chat])
  return chat
}

/** Lets the chat go on with one of two answers; the other is stopped where it is still being written. */
export function useGoOn(conversation: Conversation) {
  const client = useQueryClient()
  const { mutate, isPending, error } = useChooseVersion(conversation.chatId.get())
  const goOn = (message: Message, stopOther: () => Promise<void>): void => {
    void stopOther().finally(() => {
      mutate(message.id, {
        onSettled: () => {
          void client.invalidateQueries({ queryKey: ['beside'] })
        },
      })
    })
  }
  return { goOn, isPending, error }
}
