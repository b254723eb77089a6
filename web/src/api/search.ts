import { strict } from './client'
import * as sdk from './generated/sdk.gen'
import type { HitPage, HitShape as Hit } from './generated/types.gen'

export type { Hit, HitPage }

/** Messages that hold all of the words. */
export async function searchMessages(q: string, cursor: string | undefined, signal: AbortSignal): Promise<HitPage> {
  const query = { q, limit: 20, ...(cursor !== undefined && { cursor }) }
  return (await sdk.searchMessages({ ...strict, signal, query })).data
}
