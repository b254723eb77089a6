import { useChat } from '@ai-sdk/react'
import type { QueryClient } from '@tanstack/react-query'
import { createContext, use, useEffect, useSyncExternalStore } from 'react'
import { readDraft, writeDraft } from '@/lib/drafts'
import type { Signal } from '@/lib/signal'
import type { Message, Status } from '@/streams/message'
import { refreshChat } from './chats'
import { Conversation } from './conversation'
import { hold } from './messages'
import { refreshUsage } from './usage'

/** A stream that nobody watches is dropped after this long; moving from one screen to the next takes less. */
const linger = 3000

/** So many conversations that nobody watches are kept for whoever comes back; older ones are fetched again then. */
const kept = 8

/** The conversations of this tab, by chat. Browsers allow six connections to a host, so only watched ones hold one. */
export class Conversations {
  private readonly byChat = new Map<string, Conversation>()
  private readonly watchers = new Map<Conversation, number>()
  private readonly client: QueryClient
  private readonly visible: Signal<boolean>
  private readonly stopWatching: () => void

  constructor(client: QueryClient, visible: Signal<boolean>) {
    this.client = client
    this.visible = visible
    this.stopWatching = visible.subscribe(() => {
      for (const conversation of this.watchers.keys()) this.adjust(conversation)
    })
  }

  create(chatId?: string): Conversation {
    return new Conversation({
      ...(chatId !== undefined && { chatId }),
      onStart: (started, startedId) => {
        this.keep(startedId, started)
        refreshUsage(this.client)
      },
      onSettled: (settledId) => {
        refreshChat(this.client, settledId)
      },
      onEnd: () => {
        refreshUsage(this.client)
      },
    })
  }

  of(chatId: string): Conversation {
    const known = this.byChat.get(chatId)
    if (known) return known
    const conversation = this.create(chatId)
    this.keep(chatId, conversation)
    return conversation
  }

  private keep(chatId: string, conversation: Conversation): void {
    this.byChat.set(chatId, conversation)
    const unwatched = [...this.byChat].filter(([, each]) => each !== conversation && !this.watchers.has(each))
    for (const [oldest] of unwatched.slice(0, -kept)) this.forget(oldest)
  }

  watch(conversation: Conversation): () => void {
    this.count(conversation, 1)
    return () => {
      setTimeout(() => {
        this.count(conversation, -1)
      }, linger)
    }
  }

  forget(chatId: string): void {
    const conversation = this.byChat.get(chatId)
    this.byChat.delete(chatId)
    void conversation?.release()
  }

  /** What could not be sent is in this page alone. Whoever loads the page again finds it in the composer. */
  keepUnsent(): void {
    for (const [chatId, { unsent }] of this.byChat) {
      if (unsent !== '' && readDraft(chatId) === '') writeDraft(chatId, unsent)
    }
  }

  /** Lets go of everything. The runs go on. */
  end(): void {
    this.stopWatching()
    for (const chatId of [...this.byChat.keys()]) this.forget(chatId)
  }

  private count(conversation: Conversation, change: number): void {
    const watchers = (this.watchers.get(conversation) ?? 0) + change
    if (watchers > 0) this.watchers.set(conversation, watchers)
    else this.watchers.delete(conversation)
    this.adjust(conversation)
  }

  private adjust(conversation: Conversation): void {
    conversation.open.set(this.visible.get() && this.watchers.has(conversation))
  }
}

export const ConversationsContext = createContext<Conversations | undefined>(undefined)

export function useConversations(): Conversations {
  const conversations = use(ConversationsContext)
  if (!conversations) throw new Error('ConversationsContext has no provider.')
  return conversations
}

export function useConversation(conversation: Conversation) {
  const conversations = useConversations()
  const { messages, status, error } = useChat({ chat: conversation.chat, throttle: 50 })
  const local = useSyncExternalStore(conversation.local.subscribe, conversation.local.get)
  const line = useSyncExternalStore(conversation.transport.line.subscribe, conversation.transport.line.get)
  const chatId = useSyncExternalStore(conversation.chatId.subscribe, conversation.chatId.get)
  useEffect(() => conversations.watch(conversation), [conversations, conversation])
  const busy = status === 'submitted' || status === 'streaming' || local.held !== undefined
  return {
    ...local,
    chatId,
    line,
    busy,
    submitted: status === 'submitted',
    error,
    messages: hold(messages, local.held),
  }
}

/** The status of an answer as far as this tab knows; while it streams its metadata has none yet. */
export function statusOf({ metadata, parts }: Message): Status {
  return metadata?.status ?? (parts.length === 0 ? 'pending' : 'streaming')
}
