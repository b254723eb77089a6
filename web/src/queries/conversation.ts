/**
 * One chat as it happens: the AI SDK's `Chat`, kept outside React so that moving between screens never interrupts a
 * run. What is stored comes in through `adopt`, which gives way to whatever is going on here.
 */
import { Chat } from '@ai-sdk/react'
import { generateId } from 'ai'
import { type ChatDetail, type MessagePage, type Message as Stored, getMessages, stopRun } from '@/api/client'
import { isSessionOver, sentence } from '@/api/errors'
import { writeDraft } from '@/lib/drafts'
import { Signal, until } from '@/lib/signal'
import { type Facts, type FilePart, type Message, filesOf } from '@/streams/message'
import { type SendBody, Transport, type WhenBusy } from '@/streams/transport'
import { type Local, calm } from './local'
import { merge, shortOf, splitLine, textOf, toMessage } from './messages'
import { type Side, type Stretch, extended, joined, stretchOf } from './stretch'

export interface ConversationOptions {
  chatId?: string
  onStart: (conversation: Conversation, chatId: string) => void
  onSettled: (chatId: string) => void
  /** An attempt is over, also one that the server refused. */
  onEnd: () => void
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
  private readonly onEnd: () => void
  /** What was asked for before has been overtaken. */
  private changedAt = 0
  private active = false
  private started = false
  /** The stream of the live run could not be understood; taking it up again by itself would only repeat that. */
  private broken = false
  private goneRun: string | undefined
  private attempts = 0
  /** The last message of the path that is chosen, as the server told last. */
  private leafId: string | null | undefined
  /** Where pages are being fetched from. */
  private readonly turning = new Set<string>()

  constructor({ chatId, onStart, onSettled, onEnd }: ConversationOptions) {
    this.chatId = new Signal(chatId)
    this.onSettled = onSettled
    this.onEnd = onEnd
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

  async send(text: string, body: SendBody, files: readonly FilePart[] = []): Promise<void> {
    // In a chat that does not exist yet only one message can have failed, and this is another try.
    const failed = this.chatId.get() === undefined ? this.chat.lastMessage : undefined
    if (failed) this.discard(failed.id)
    await this.submit(userMessage(failed && textOf(failed) === text ? failed.id : generateId(), text, files), body)
  }

  /** Sends a message while an answer runs. Resolves to whether it was taken. */
  async enqueue(text: string, whenBusy: WhenBusy, body: SendBody, files: readonly FilePart[] = []): Promise<boolean> {
    const message = userMessage(generateId(), text, files)
    const sent = { id: message.id, text: shortOf(message), runId: undefined }
    this.update({ waiting: [...this.local.get().waiting, sent], notice: undefined })
    try {
      await this.transport.enqueue(message, whenBusy, body)
      this.refresh()
      return true
    } catch (error) {
      this.update({ waiting: this.local.get().waiting.filter(({ id }) => id !== sent.id), notice: sentence(error) })
      return false
    }
  }

  /** Takes a message out of the line; it stays in the chat, unanswered. */
  async withdraw(runId: string): Promise<void> {
    try {
      await stopRun(runId)
    } catch (error) {
      this.update({ notice: sentence(error) })
    }
    this.refresh()
  }

  /** Sends a message again that could not be sent, under the same id, so that the server takes it once. */
  async retry(messageId: string, body: SendBody): Promise<void> {
    const message = this.chat.messages.find(({ id }) => id === messageId)
    if (message) await this.submit(message, body)
  }

  /** The text of the message that could not be sent; empty where there is none. */
  get unsent(): string {
    const id = this.local.get().failed?.id
    const message = this.chat.messages.find((shown) => shown.id === id)
    return message ? textOf(message) : ''
  }

  discard(messageId: string): void {
    this.chat.messages = this.chat.messages.filter(({ id }) => id !== messageId)
    this.chat.clearError()
    this.update({ failed: undefined })
  }

  private async submit(message: Message, body: SendBody): Promise<void> {
    const { id } = message
    this.returnToEnd()
    if (this.local.get().failed?.id === id) this.update({ failed: undefined })
    this.chat.messages = this.chat.messages.filter((shown) => shown.id !== id)
    await this.follow(() => this.chat.sendMessage(message, { body }))
    if (!this.chat.error || this.started) return
    this.update({ failed: { id, reason: sentence(this.chat.error) } })
    // Whoever signs in again begins another visit, and finds the text in the composer.
    if (isSessionOver(this.chat.error)) writeDraft(this.chatId.get() ?? 'new', textOf(message))
  }

  async regenerate(messageId: string, body: SendBody): Promise<void> {
    await this.attempt(messageId, () => this.chat.regenerate({ messageId, body }))
  }

  /** Writes a question anew, beside what it was (B5). Resolves to whether it was taken. */
  async edit(messageId: string, text: string, body: SendBody): Promise<boolean> {
    return this.attempt(messageId, () => {
      const place = this.chat.messages.findIndex(({ id }) => id === messageId)
      const edited = this.chat.messages[place]
      const files = edited ? filesOf(edited) : []
      this.chat.messages = this.chat.messages.slice(0, place)
      return this.chat.sendMessage(userMessage(generateId(), text, files), { body: { ...body, edits: messageId } })
    })
  }

  /** What came of it is shown as it was before when the server takes nothing of it. */
  private async attempt(messageId: string, request: () => Promise<void>): Promise<boolean> {
    const before = this.chat.messages
    const { stretch, earlier } = this.local.get()
    if (stretch && has(stretch.messages, messageId)) {
      // The chat goes on from where one reads.
      this.chat.messages = stretch.messages
      this.update({ stretch: undefined, earlier: stretch.earlier })
    }
    await this.follow(request)
    const isTaken = this.started || !this.chat.error
    if (!isTaken) {
      this.chat.messages = before
      this.update({ stretch, earlier })
    }
    return isTaken
  }

  /** Shows what is known of a message now. */
  amend(messageId: string, change: Partial<Facts>): void {
    const amended = (message: Message): Message => {
      const facts = message.metadata?.facts
      if (message.id !== messageId || !facts) return message
      return { ...message, metadata: { ...message.metadata, facts: { ...facts, ...change } } }
    }
    const { stretch } = this.local.get()
    this.chat.messages = this.chat.messages.map(amended)
    if (stretch) this.update({ stretch: { ...stretch, messages: stretch.messages.map(amended) } })
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

  /** Adds the page that lies on one side of what is shown. */
  async load(side: Side): Promise<void> {
    const chatId = this.chatId.get()
    const cursor = this.cursorOf(side)
    if (cursor === undefined || chatId === undefined || this.turning.has(cursor)) return
    this.turning.add(cursor)
    try {
      const page = await getMessages(chatId, cursor)
      // Meanwhile something else may be shown.
      if (this.cursorOf(side) === cursor) this.add(side, page)
    } catch (error) {
      this.complain(sentence(error))
    } finally {
      this.turning.delete(cursor)
    }
  }

  private cursorOf(side: Side): string | undefined {
    const { stretch, earlier } = this.local.get()
    if (stretch) return stretch[side]
    return side === 'earlier' ? earlier : undefined
  }

  private add(side: Side, page: MessagePage): void {
    const { stretch } = this.local.get()
    if (stretch) {
      this.show(extended(stretch, side, page))
      return
    }
    this.chat.messages = [...page.items.map(toMessage), ...this.chat.messages]
    this.update({ earlier: page.nextCursor ?? undefined })
  }

  /** Shows that part of the chat that has a message. Tells whether it is known here. */
  turnTo(messageId: string): boolean {
    const { stretch } = this.local.get()
    if (stretch && has(stretch.messages, messageId)) return true
    if (!has(this.chat.messages, messageId)) return false
    this.returnToEnd()
    return true
  }

  /** Shows a page of the chat, whatever its branch; together with the end of the chat where they meet. */
  visit(page: MessagePage): void {
    // While something is being asked, the server is ahead of what is known here.
    const isAside = !this.active && this.leafId !== undefined && page.leafId !== this.leafId
    this.show(stretchOf(page, isAside ? (page.leafId ?? undefined) : undefined))
  }

  /** The branch that is shown has been chosen. */
  settleHere(): void {
    const { stretch } = this.local.get()
    if (stretch) this.show({ ...stretch, aside: undefined })
  }

  returnToEnd(): void {
    if (this.local.get().stretch) this.update({ stretch: undefined })
  }

  private show(stretch: Stretch): void {
    const messages = stretch.aside === undefined ? joined(stretch.messages, this.chat.messages) : undefined
    if (!messages) {
      this.update({ stretch })
      return
    }
    this.chat.messages = messages
    this.update({ stretch: undefined, earlier: stretch.earlier })
  }

  complain(notice: string): void {
    this.update({ notice })
  }

  dismiss(): void {
    this.broken = false
    this.chat.clearError()
    this.update({ notice: undefined })
  }

  /** Takes in what the server has stored, and takes up the run that is live there. It knows what was so when asked. */
  adopt(detail: ChatDetail, askedAt: number): void {
    const { told, waiting } = splitLine(detail.messages.items, detail.queuedRunIds)
    this.update({ waiting })
    this.leafId = detail.leafId
    if (this.active) return
    if (askedAt < this.changedAt) {
      // What came last may have been on its way when it was to be asked for again.
      this.refresh()
      return
    }
    const shown = this.chat.messages
    const failedId = this.local.get().failed?.id
    const messages = merge(shown, told.map(toMessage), failedId)
    this.chat.messages = messages
    if (failedId !== undefined && !messages.some(({ id }) => id === failedId)) this.discard(failedId)
    if (messages[0]?.id === detail.messages.items[0]?.id) {
      this.update({ earlier: detail.messages.nextCursor ?? undefined })
    }
    const live = liveRunOf(detail, told)
    this.run.set(live)
    if (live !== undefined && !this.broken) void this.resume(live)
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
    this.onEnd()
    // A run that ended between two answers of the server is asked about once; after that the poll of the chat decides.
    const isKnownGone = !this.started && resumed !== undefined && resumed === this.goneRun
    if (!this.started) this.goneRun = resumed
    if (!isKnownGone) this.refresh()
  }

  private refresh(): void {
    const chatId = this.chatId.get()
    if (chatId !== undefined) this.onSettled(chatId)
  }

  private update(change: Partial<Local>): void {
    this.local.set({ ...this.local.get(), ...change })
  }
}

function has(messages: readonly Message[], messageId: string): boolean {
  return messages.some(({ id }) => id === messageId)
}

/** The run to follow: of two side by side that of the chosen answer, if it is not over. */
function liveRunOf({ liveRunId, liveRunIds }: ChatDetail, told: readonly Stored[]): string | undefined {
  const last = told.at(-1)
  if (last?.runId != null && liveRunIds.includes(last.runId)) return last.runId
  return last?.besideId == null ? (liveRunId ?? undefined) : undefined
}

function userMessage(id: string, text: string, files: readonly FilePart[]): Message {
  return { id, role: 'user', parts: [...files, ...(text === '' ? [] : [{ type: 'text' as const, text }])] }
}
