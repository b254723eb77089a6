import { strict } from './client'
import * as sdk from './generated/sdk.gen'
import type { ContextBody, ContextItem, ContextShape as Context } from './generated/types.gen'

export type { Context, ContextBody, ContextItem }

/** What a model would be shown if it were asked now. Nothing is sent to it. */
export async function previewContext(chatId: string, body: ContextBody, signal: AbortSignal): Promise<Context> {
  return (await sdk.previewContext({ ...strict, signal, path: { chat_id: chatId }, body })).data
}
