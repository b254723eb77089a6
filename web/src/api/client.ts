/** The calls of the app, typed by the generated client; every refusal is thrown as a `ProblemError`. */
import { client } from './generated/client.gen'
import * as sdk from './generated/sdk.gen'
import type {
  CatalogShape as ModelCatalogue,
  ChatDetail,
  ChatPage,
  ChatShape as Chat,
  MessagePage,
  MessageShape as Message,
  ModelShape as Model,
} from './generated/types.gen'
import { ProblemError, parseProblem } from './errors'

export type { Chat, ChatDetail, ChatPage, Message, Model, ModelCatalogue }

client.setConfig({ baseUrl: '', credentials: 'same-origin' })
client.interceptors.error.use((error, response) =>
  // Without a response the network failed, and the error of `fetch` says so.
  response instanceof Response ? new ProblemError(response.status, parseProblem(error)) : error,
)

const strict = { throwOnError: true } as const

export async function getModels(signal: AbortSignal): Promise<ModelCatalogue> {
  return (await sdk.listModels({ ...strict, signal })).data
}

export async function getChats(cursor: string | undefined, signal: AbortSignal): Promise<ChatPage> {
  const query = cursor === undefined ? { limit: 30 } : { limit: 30, cursor }
  return (await sdk.listChats({ ...strict, signal, query })).data
}

export async function getChat(chatId: string, signal: AbortSignal): Promise<ChatDetail> {
  return (await sdk.getChat({ ...strict, signal, path: { chat_id: chatId } })).data
}

export async function getMessages(chatId: string, cursor: string): Promise<MessagePage> {
  return (await sdk.listMessages({ ...strict, path: { chat_id: chatId }, query: { cursor } })).data
}

export async function renameChat(chatId: string, title: string): Promise<Chat> {
  return (await sdk.updateChat({ ...strict, path: { chat_id: chatId }, body: { title } })).data
}

export async function deleteChat(chatId: string): Promise<void> {
  await sdk.deleteChat({ ...strict, path: { chat_id: chatId } })
}

export async function stopRun(runId: string): Promise<void> {
  await sdk.stopRun({ ...strict, path: { run_id: runId } })
}
