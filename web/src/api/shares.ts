/** The calls about snapshots that others read by a link. */
import { strict } from './client'
import * as sdk from './generated/sdk.gen'
import type { MadeShare, NewShare, ShareShape as Share } from './generated/types.gen'

export type { MadeShare, NewShare, Share }

/** Those of one chat, or all. */
export async function getShares(chatId: string | undefined, signal: AbortSignal): Promise<Share[]> {
  if (chatId === undefined) return (await sdk.listShares({ ...strict, signal })).data.items
  return (await sdk.listSharesOfChat({ ...strict, signal, path: { chat_id: chatId } })).data.items
}

export async function createShare(chatId: string, body: NewShare): Promise<MadeShare> {
  return (await sdk.createShare({ ...strict, path: { chat_id: chatId }, body })).data
}

export async function revokeShare(shareId: string): Promise<void> {
  await sdk.revokeShare({ ...strict, path: { share_id: shareId } })
}
