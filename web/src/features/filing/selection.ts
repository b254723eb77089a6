import { useState } from 'react'

/** Several chats, to do one thing with. */
export interface Selection {
  ids: ReadonlySet<string>
  toggle: (chatId: string) => void
}

/** The server takes so many at once. */
const most = 200

export function useSelection() {
  const [ids, setIds] = useState<ReadonlySet<string>>()
  const selection: Selection | undefined = ids && {
    ids,
    toggle: (chatId) => {
      const next = new Set(ids)
      if (!next.delete(chatId) && next.size < most) next.add(chatId)
      setIds(next)
    },
  }
  const begin = (chatId?: string): void => {
    setIds(new Set(chatId === undefined ? [] : [chatId]))
  }
  const end = (): void => {
    setIds(undefined)
  }
  return { selection, begin, end }
}
