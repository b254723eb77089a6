/** Brings a message onto the page of its chat, whatever its branch and however old it is. */
import { chooseLeaf, getChat } from '@/api/client'
import type { Conversation } from './conversation'

/** So many pages are turned back; nobody waits for more. */
const mostPages = 40

/** Resolves to whether it is there now. Rejects when the server cannot be asked. */
export async function reach(conversation: Conversation, messageId: string, signal: AbortSignal): Promise<boolean> {
  if (await turnBack(conversation, messageId, signal)) return true
  const chatId = conversation.chatId.get()
  if (chatId === undefined || signal.aborted) return false
  await chooseLeaf(chatId, messageId)
  conversation.adopt(await getChat(chatId, signal), Date.now())
  return turnBack(conversation, messageId, signal)
}

async function turnBack(conversation: Conversation, messageId: string, signal: AbortSignal): Promise<boolean> {
  for (let page = 0; page < mostPages && !signal.aborted; page += 1) {
    if (conversation.chat.messages.some(({ id }) => id === messageId)) return true
    if (conversation.local.get().earlier === undefined) return false
    await conversation.loadEarlier()
  }
  return false
}
