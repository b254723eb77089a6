/** Brings a message onto the page of its chat, whatever its branch and however old it is. */
import { getMessagesAround } from '@/api/client'
import type { Conversation } from './conversation'

/** Rejects when the server cannot be asked, or knows of no such message. */
export async function reach(conversation: Conversation, messageId: string, signal: AbortSignal): Promise<void> {
  const chatId = conversation.chatId.get()
  if (conversation.turnTo(messageId) || chatId === undefined) return
  const page = await getMessagesAround(chatId, messageId, signal)
  if (!signal.aborted) conversation.visit(page)
}
