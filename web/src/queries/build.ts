/** Follows the run that makes a version, from its beginning, however often the line breaks or the page is loaded anew. */
import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { Signal } from '@/lib/signal'
import { type Build, advance, nothingBuilt } from '@/streams/build'
import { Transport } from '@/streams/transport'
import { refreshProject } from './projects'
import { useVisits } from './visit'

/** So often is what has come shown, in milliseconds. */
const pace = 50

interface Followed {
  chatId: string
  projectId: string
  runId: string
}

interface Told {
  runId: string | undefined
  build: Build
}

class Follower {
  readonly told = new Signal<Told>({ runId: undefined, build: nothingBuilt })
  private readonly client: QueryClient
  private readonly visible: Signal<boolean>

  constructor(client: QueryClient, visible: Signal<boolean>) {
    this.client = client
    this.visible = visible
  }

  /** Follows until the run is over or aborted. What is stored tells the rest. */
  async follow({ chatId, projectId, runId }: Followed, abortSignal: AbortSignal): Promise<void> {
    let build = nothingBuilt
    let timer: ReturnType<typeof setTimeout> | undefined
    const show = (): void => {
      timer = undefined
      if (!abortSignal.aborted) this.told.set({ runId, build })
    }
    show()
    try {
      const transport = new Transport({ chatId, open: this.visible })
      const chunks = await transport.reconnectToStream({ chatId, abortSignal, body: { runId } })
      const reader = chunks?.getReader()
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true }
        if (done) break
        build = advance(build, value)
        timer ??= setTimeout(show, pace)
      }
    } catch {
      // Aborted, or refused for good.
    }
    clearTimeout(timer)
    show()
    if (!abortSignal.aborted) refreshProject(this.client, projectId)
  }
}

/** What the live run has told so far; undefined while nothing is being made. */
export function useBuild(chatId: string, projectId: string, runId: string | null): Build | undefined {
  const client = useQueryClient()
  const { visible } = useVisits()
  const [follower] = useState(() => new Follower(client, visible))
  useEffect(() => {
    if (runId === null) return
    const abort = new AbortController()
    void follower.follow({ chatId, projectId, runId }, abort.signal)
    return () => {
      abort.abort()
    }
  }, [chatId, projectId, runId, follower])
  const told = useSyncExternalStore(follower.told.subscribe, follower.told.get)
  if (runId === null) return undefined
  return told.runId === runId ? told.build : nothingBuilt
}
