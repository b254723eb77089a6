/**
 * All that a tab holds for whoever uses it: what was fetched, the conversations, and what follows the changes. When
 * somebody else begins it ends as a whole, so nothing of one person is left to show to the next.
 */
import type { QueryClient } from '@tanstack/react-query'
import { createContext, use } from 'react'
import type { Me } from '@/api/client'
import { sessionOver } from '@/api/errors'
import { forgetDrafts } from '@/lib/drafts'
import { Signal } from '@/lib/signal'
import { followChanges } from './changes'
import { forgetChat } from './chats'
import { createQueryClient } from './client'
import { Conversations } from './conversations'
import { keys } from './me'

export class Visit {
  readonly number: number
  readonly client: QueryClient = createQueryClient()
  readonly conversations: Conversations
  private readonly following = new AbortController()
  private readonly stopWatching: () => void

  constructor(number: number, visible: Signal<boolean>) {
    this.number = number
    this.conversations = new Conversations(this.client, visible)
    // There is nothing to follow for whoever is signed out.
    this.stopWatching = sessionOver.subscribe(() => {
      this.following.abort()
    })
    followChanges(
      this.client,
      visible,
      (chatId) => {
        forgetChat(this.client, chatId)
        this.conversations.forget(chatId)
      },
      this.following.signal,
    )
  }

  end(): void {
    this.stopWatching()
    this.following.abort()
    this.conversations.end()
    this.client.clear()
  }
}

interface Renewal {
  /** Nothing typed may stay for who comes next. */
  forget: boolean
}

/** The visits of this tab, one after another. The tabs of a browser share its cookies, so all of them begin anew. */
export class Visits {
  readonly current: Signal<Visit>
  /** Whether the tab is on the screen. */
  readonly visible: Signal<boolean>
  private readonly others: BroadcastChannel

  constructor(visible: Signal<boolean>, others = new BroadcastChannel('penstock.visit')) {
    this.visible = visible
    this.current = new Signal(new Visit(0, visible))
    this.others = others
    others.addEventListener('message', ({ data }: MessageEvent<Renewal>) => {
      this.begin(data)
    })
  }

  /** Somebody has signed in or up; what they had typed is still theirs. */
  enter(me: Me): void {
    this.renew({ forget: false }, me)
  }

  /** Somebody has left. */
  leave(): void {
    this.renew({ forget: true })
  }

  /** The tab is no more. */
  close(): void {
    this.others.close()
    this.current.get().end()
  }

  private renew(renewal: Renewal, me?: Me): void {
    this.begin(renewal, me)
    this.others.postMessage(renewal)
  }

  private begin({ forget }: Renewal, me?: Me): void {
    const before = this.current.get()
    if (forget) forgetDrafts()
    sessionOver.set(false)
    const next = new Visit(before.number + 1, this.visible)
    if (me) next.client.setQueryData(keys.all, me)
    this.current.set(next)
    before.end()
  }
}

export const VisitsContext = createContext<Visits | undefined>(undefined)

export function useVisits(): Visits {
  const visits = use(VisitsContext)
  if (!visits) throw new Error('VisitsContext has no provider.')
  return visits
}
