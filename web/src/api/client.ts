/** The calls of the app, typed by the generated client; every refusal is thrown as a `ProblemError`. */
import { client } from './generated/client.gen'
import * as sdk from './generated/sdk.gen'
import type {
  CatalogShape as ModelCatalogue,
  ChatDetail,
  ChatPage,
  ChatSettings,
  ChatShape as Chat,
  Deletion,
  ErrorShape as ErrorEntry,
  KeyPage as ProviderKeys,
  KeyShape as ProviderKey,
  MadeToken,
  Me,
  MessageMarks,
  MessagePage,
  MessageShape as Message,
  ModelShape as Model,
  NewToken,
  PasswordChange,
  Profile,
  SessionShape as Session,
  SignIn,
  SignUp,
  TokenShape as Token,
  UsageReport as Usage,
} from './generated/types.gen'
import { codeOf, refusal } from './errors'

export type {
  Chat,
  ChatDetail,
  ChatPage,
  ChatSettings,
  Message,
  MessageMarks,
  MessagePage,
  Model,
  ModelCatalogue,
  Usage,
}
export type { ProviderKey, ProviderKeys }
export type { Deletion, ErrorEntry, MadeToken, Me, NewToken, PasswordChange, Profile, Session, SignIn, SignUp, Token }

client.setConfig({ baseUrl: '', credentials: 'same-origin' })
client.interceptors.error.use((error, response) =>
  // Without a response the network failed, and the error of `fetch` says so.
  response instanceof Response ? refusal(response.status, error) : error,
)

/** What is refused is thrown, also in the calls of `filing` and its like. */
export const strict = { throwOnError: true } as const

export async function getModels(signal: AbortSignal): Promise<ModelCatalogue> {
  return (await sdk.listModels({ ...strict, signal })).data
}

export async function getKeys(signal: AbortSignal): Promise<ProviderKeys> {
  return (await sdk.listKeys({ ...strict, signal })).data
}

export async function saveKey({ provider, key }: { provider: string; key: string }): Promise<ProviderKey> {
  return (await sdk.saveKey({ ...strict, path: { provider }, body: { key } })).data
}

export async function testKey(provider: string): Promise<ProviderKey> {
  return (await sdk.testKey({ ...strict, path: { provider } })).data
}

export async function removeKey(provider: string): Promise<void> {
  await sdk.removeKey({ ...strict, path: { provider } })
}

export async function getUsage(signal: AbortSignal): Promise<Usage> {
  return (await sdk.getUsage({ ...strict, signal })).data
}

export async function getChat(chatId: string, signal: AbortSignal): Promise<ChatDetail> {
  return (await sdk.getChat({ ...strict, signal, path: { chat_id: chatId } })).data
}

export async function getMessages(chatId: string, cursor: string): Promise<MessagePage> {
  return (await sdk.listMessages({ ...strict, path: { chat_id: chatId }, query: { cursor } })).data
}

/** The page with a message in its middle, on whichever path it is. */
export async function getMessagesAround(chatId: string, at: string, signal: AbortSignal): Promise<MessagePage> {
  return (await sdk.listMessages({ ...strict, signal, path: { chat_id: chatId }, query: { at } })).data
}

/** A message by the run that writes it, or by its own id where that is known. */
export async function getMessage(chatId: string, of: { id?: string; runId?: string }): Promise<Message> {
  const id = of.id ?? (await sdk.getRun({ ...strict, path: { run_id: of.runId ?? '' } })).data.messageId
  const { data } = await sdk.listMessages({ ...strict, path: { chat_id: chatId }, query: { leaf: id, limit: 1 } })
  const message = data.items.at(-1)
  if (!message) throw new TypeError('An answer is on the path that ends with it.')
  return message
}

export async function markMessage(chatId: string, messageId: string, body: MessageMarks): Promise<Message> {
  return (await sdk.markMessage({ ...strict, path: { chat_id: chatId, message_id: messageId }, body })).data
}

/** Puts a message on the chosen path. */
export async function chooseLeaf(chatId: string, leafId: string): Promise<Chat> {
  return (await sdk.updateChat({ ...strict, path: { chat_id: chatId }, body: { leafId } })).data
}

export async function deleteChat(chatId: string): Promise<void> {
  await sdk.deleteChat({ ...strict, path: { chat_id: chatId } })
}

/** One that has ended by itself in the meantime needs no stop. */
export async function stopRun(runId: string): Promise<void> {
  try {
    await sdk.stopRun({ ...strict, path: { run_id: runId } })
  } catch (error) {
    if (codeOf(error) !== 'run_over') throw error
  }
}

export async function getMe(signal: AbortSignal): Promise<Me> {
  return (await sdk.getMe({ ...strict, signal })).data
}

export async function updateMe(body: Profile): Promise<Me> {
  return (await sdk.updateMe({ ...strict, body })).data
}

export async function deleteMe(body: Deletion): Promise<void> {
  await sdk.deleteMe({ ...strict, body })
}

export async function signUp(body: SignUp): Promise<Me> {
  return (await sdk.signUp({ ...strict, body })).data
}

export async function signIn(body: SignIn): Promise<Me> {
  return (await sdk.signIn({ ...strict, body })).data
}

export async function becomeGuest(): Promise<Me> {
  return (await sdk.becomeGuest(strict)).data
}

export async function signOut(): Promise<void> {
  await sdk.signOut(strict)
}

/** The address elsewhere where signing in goes on; from there one comes back to `returnTo`. */
export async function beginElsewhere(returnTo: string): Promise<string> {
  return (await sdk.beginOidc({ ...strict, body: { returnTo } })).data.url
}

export async function changePassword(body: PasswordChange): Promise<void> {
  await sdk.changePassword({ ...strict, body })
}

export async function getSessions(signal: AbortSignal): Promise<Session[]> {
  return (await sdk.listSessions({ ...strict, signal })).data.items
}

export async function endSession(sessionId: string): Promise<void> {
  await sdk.endSession({ ...strict, path: { session_id: sessionId } })
}

export async function endOtherSessions(): Promise<void> {
  await sdk.endOtherSessions(strict)
}

export async function getTokens(signal: AbortSignal): Promise<Token[]> {
  return (await sdk.listTokens({ ...strict, signal })).data.items
}

export async function createToken(body: NewToken): Promise<MadeToken> {
  return (await sdk.createToken({ ...strict, body })).data
}

export async function revokeToken(tokenId: string): Promise<void> {
  await sdk.revokeToken({ ...strict, path: { token_id: tokenId } })
}

export async function getErrors(signal: AbortSignal): Promise<ErrorEntry[]> {
  return (await sdk.listErrors({ ...strict, signal })).data.items
}

export async function removeError(errorId: string): Promise<void> {
  await sdk.removeError({ ...strict, path: { error_id: errorId } })
}
