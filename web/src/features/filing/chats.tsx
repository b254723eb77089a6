import { useState } from 'react'
import type { Chat } from '@/api/client'
import type { Which } from '@/api/filing'
import { useChats } from '@/queries/chats'
import { IconButton } from '@/ui/button'
import { LateSheet } from '@/ui/fetching'
import { late } from '@/ui/late'
import { Bulk } from './bulk'
import type { Doing } from './dialogs'
import { Filter } from './filter'
import { Folders } from './folders'
import type { Task } from './item'
import { List } from './list'
import { type Selection, useSelection } from './selection'

const Dialogs = late(() => import('./dialogs'))

/** All that a visitor has: what is pinned, folders, and the rest by day; or those with a tag, or the archive. */
export function Chats() {
  const [which, setWhich] = useState<Which>({})
  const [doing, setDoing] = useState<Doing>()
  const { selection, begin, end } = useSelection()
  const close = (): void => {
    setDoing(undefined)
  }
  const onTask = (task: Task, chat: Chat): void => {
    if (task === 'select') begin(chat.id)
    else setDoing({ task, chat })
  }
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="-mx-1 flex min-h-9 items-center">
        {selection ? (
          <Bulk selection={selection} archived={which.archived === true} onEnd={end} />
        ) : (
          <>
            <Filter which={which} onChoose={setWhich} />
            <IconButton
              icon="folder"
              label="New folder"
              data-testid="folder-new"
              className="size-8"
              onClick={() => {
                setDoing({ task: 'folder-add', parentId: null })
              }}
            />
            <IconButton
              icon="select"
              label="Select chats"
              data-testid="chats-select"
              className="size-8"
              onClick={() => {
                begin()
              }}
            />
          </>
        )}
      </div>
      <nav aria-label="Chats" className="scrollbar-thin -mx-1 flex min-h-0 flex-1 flex-col overflow-y-auto px-1 pt-1">
        {(which.archived ?? which.tag !== undefined) ? (
          <List
            which={which}
            byDay
            empty={which.archived ? 'Nothing is put away.' : 'No chat has this tag.'}
            selection={selection}
            onTask={onTask}
          />
        ) : (
          <All selection={selection} onTask={onTask} onDoing={setDoing} />
        )}
      </nav>
      {doing && (
        <LateSheet onClose={close}>
          <Dialogs doing={doing} onClose={close} />
        </LateSheet>
      )}
    </div>
  )
}

interface AllProps {
  selection: Selection | undefined
  onTask: (task: Task, chat: Chat) => void
  onDoing: (doing: Doing) => void
}

function All({ selection, onTask, onDoing }: AllProps) {
  return (
    <>
      <Pinned selection={selection} onTask={onTask} />
      <Folders
        selection={selection}
        onTask={onTask}
        onFolderTask={(task, folder) => {
          if (task === 'add') onDoing({ task: 'folder-add', parentId: folder.id })
          else onDoing({ task: task === 'move' ? 'folder-move' : 'folder-delete', folder })
        }}
      />
      <List
        which={{}}
        shows={isLoose}
        byDay
        empty="Your chats will be listed here."
        selection={selection}
        onTask={onTask}
      />
    </>
  )
}

/** What is pinned or in a folder stands there. */
function isLoose({ pinned, folderId }: Chat): boolean {
  return !pinned && folderId === null
}

function Pinned({ selection, onTask }: Omit<AllProps, 'onDoing'>) {
  const which: Which = { pinned: true }
  const { data } = useChats(which)
  if (!data?.pages.some(({ items }) => items.length > 0)) return null
  return (
    <section aria-label="Pinned" className="mb-4">
      <h2 className="px-3 pb-1 text-xs font-medium text-muted">Pinned</h2>
      <List which={which} empty="" selection={selection} onTask={onTask} />
    </section>
  )
}
