/**
 * One chat as it happens: the AI SDK's `Chat`, kept outside React so that moving between screens never interrupts a
 * run. What is stored comes in through `adopt`, which gives way to whatever is going on here.
 */
import { Chat } from '@ai-sdk/react'
import { generateId } from 'ai'
import { type ChatDetail, getMessages, stopRun } from '@/api/client'
import { sentence } from '@/api/errors'
import { Signal, until } from '@/lib/signal'
import type { Message } from '@/streams/message'
import { type SendBody, Transport } from '@/streams/transport'
import { merge, textOf, toMessage } from './messages'

/** What this tab alone knows. */
export interface Local {
  failed: { id: string; reason: string } | undefined
  notice: string | undefined
  stopping: boolean
  /** The message being continued, as it was before. */
  held: Message | undefined
  /** Leads to messages older than the ones shown. */
  earlier: string | undefined
}

const calm: Local = { failed: undefined, notice: undefined, stopping: false, held: undefined, earlier: undefined }

export interface ConversationOptions {
  chatId?: string
  onStart: (conversation: Conversation, chatId: string) => void
  onSettled: (chatId: string) => void
}

export class Conversation {
  readonly chat: Chat<Message>
  readonly chatId: Signal<string | undefined>
  readonly local = new Signal(calm)
  readonly transport: Transport
  /** Closed while nobody looks; the stream is dropped then, and the run goes on. */
  readonly open = new Signal(true)
  private readonly run = new Signal<string | undefined>(undefined)
  private readonly onSettled: (chatId: string) => void
  /** Stored states older than this have been overtaken. */
  private changedAt = 0
  private active = false
  private started = false
  /** The stream of the live run could not be understood; taking it up again by itself would only repeat that. */
  private broken = false
  private goneRun: string | undefined
  private attempts = 0

  constructor({ chatId, onStart, onSettled }: ConversationOptions) {
    this.chatId = new Signal(chatId)
    this.onSettled = onSettled
    this.transport = new Transport({
      ...(chatId !== undefined && { chatId }),
      open: this.open,
      onStart: (startedId, runId) => {
        this.started = true
        this.run.set(runId)
        onStart(this, startedId)
        this.chatId.set(startedId)
      },
    })
    this.chat = new Chat<Message>({ transport: this.transport })
  }

  async send(text: string, body: SendBody): Promise<void> {
    // In a chat that does not exist yet only one message can have failed, and this is another try.
    const failed = this.chatId.get() === undefined ? this.chat.lastMessage : undefined
    if (failed) this.discard(failed.id)
    await this.submit(failed && textOf(failed) === text ? failed.id : generateId(), text, body)
  }

  /** Sends a message again that could not be sent, under the same id, so that the server takes it once. */
  async retry(messageId: string, body: SendBody): Promise<void> {
    const message = this.chat.messages.find(({ id }) => id === messageId)
    if (message) await this.submit(messageId, textOf(message), body)
  }

  discard(messageId: string): void {
    this.chat.messages = this.chat.messages.filter(({ id }) => id !== messageId)
    this.chat.clearError()
    this.update({ failed: undefined })
  }

  private async submit(id: string, text: string, body: SendBody): Promise<void> {
    if (this.local.get().failed?.id === id) this.update({ failed: undefined })
    const message = { id, role: 'user' as const, parts: [{ type: 'text' as const, text }] }
    this.chat.messages = this.chat.messages.filter((shown) => shown.id !== id)
    await this.follow(() => this.chat.sendMessage(message, { body }))
    if (this.chat.error && !this.started) this.update({ failed: { id, reason: sentence(this.chat.error) } })
  }

  async regenerate(messageId: string, body: SendBody): Promise<void> {
    const before = this.chat.messages
    await this.follow(() => this.chat.regenerate({ messageId, body }))
    if (this.chat.error && !this.started) this.chat.messages = before
  }

  async continue(message: Message, body: SendBody): Promise<void> {
    this.update({ held: message })
    await this.follow(() => this.chat.resumeStream({ body: { ...body, continues: message.id } }))
  }

  async stop(): Promise<void> {
    const attempt = this.attempts
    this.update({ stopping: true, notice: undefined })
    try {
      await until(this.run, (runId) => runId !== undefined)
      const runId = this.run.get()
      // Waiting for the id of a run that never began ends with the id of the next one.
      if (runId !== undefined && attempt === this.attempts) await stopRun(runId)
    } catch (error) {
      this.update({ notice: sentence(error) })
    } finally {
      if (!this.active || this.local.get().notice) this.update({ stopping: false })
    }
  }

  async loadEarlier(): Promise<void> {
    const { earlier } = this.local.get()
    const chatId = this.chatId.get()
    if (earlier === undefined || chatId === undefined) return
    try {
      const page = await getMessages(chatId, earlier)
      this.chat.messages = [...page.items.map(toMessage), ...this.chat.messages]
      this.update({ earlier: page.nextCursor ?? undefined })
    } catch (error) {
      this.update({ notice: sentence(error) })
    }
  }

  dismiss(): void {
    this.broken = false
    this.chat.clearError()
    this.update({ notice: undefined })
  }

  /** Takes in what the server has stored, and takes up the run that is live there. */
  adopt(detail: ChatDetail, at: number): void {
    if (this.active || at < this.changedAt) return
    const shown = this.chat.messages
    const failedId = this.local.get().failed?.id
    const messages = merge(shown, detail.messages.items.map(toMessage), failedId)
    this.chat.messages = messages
    if (failedId !== undefined && !messages.some(({ id }) => id === failedId)) this.discard(failedId)
    if (messages[0]?.id === detail.messages.items[0]?.id) {
      this.update({ earlier: detail.messages.nextCursor ?? undefined })
    }
    this.run.set(detail.liveRunId ?? undefined)
    if (detail.liveRunId !== null && !this.broken) void this.resume(detail.liveRunId)
  }

  /** Lets go of the stream; the run itself goes on. */
  async release(): Promise<void> {
    await this.chat.stop()
  }

  private async resume(runId: string): Promise<void> {
    await this.follow(() => this.chat.resumeStream({ body: { runId } }), runId)
  }

  private async follow(request: () => Promise<void>, resumed?: string): Promise<void> {
    this.active = true
    this.attempts += 1
    this.started = false
    this.broken = false
    this.run.set(resumed)
    this.changedAt = Date.now()
    this.update({ notice: undefined })
    try {
      await request()
    } finally {
      this.settle(resumed)
    }
  }

  private settle(resumed: string | undefined): void {
    this.active = false
    this.broken = this.started && this.chat.error !== undefined
    this.changedAt = Date.now()
    this.run.set(undefined)
    this.update({ stopping: false, held: undefined })
    const chatId = this.chatId.get()
    // A run that ended between two answers of the server is asked about once; after that the poll of the chat decides.
    const isKnownGone = !this.started && resumed !== undefined && resumed === this.goneRun
    if (!this.started) this.goneRun = resumed
    if (chatId !== undefined && !isKnownGone) this.onSettled(chatId)
  }

  private update(change: Partial<Local>): void {
    this.local.set({ ...this.local.get(), ...change })
  }
}
