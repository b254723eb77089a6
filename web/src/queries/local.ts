import type { Message } from '@/streams/message'
import type { Waiting } from './messages'
import type { Stretch } from './stretch'

/** What this tab alone knows. */
export interface Local {
  failed: { id: string; reason: string } | undefined
  notice: string | undefined
  stopping: boolean
  /** The message being continued, as it was before. */
  held: Message | undefined
  /** Leads to messages older than the ones at the end. */
  earlier: string | undefined
  /** What is shown instead of the end of the chat. */
  stretch: Stretch | undefined
  /** The messages that stand in line behind the answer that runs (WB1), first come first. */
  waiting: readonly Waiting[]
}

/** Nothing is going on. */
export const calm: Local = {
  failed: undefined,
  notice: undefined,
  stopping: false,
  held: undefined,
  earlier: undefined,
  stretch: undefined,
  waiting: [],
}
