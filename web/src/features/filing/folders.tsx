import { type DragEvent, useState, useSyncExternalStore } from 'react'
import type { Chat } from '@/api/client'
import { sentence } from '@/api/errors'
import type { Folder } from '@/api/filing'
import { type Branch, treeOf } from '@/lib/folders'
import { useChangeChat } from '@/queries/chats'
import { useFolders, useUpdateFolder } from '@/queries/folders'
import { Icon } from '@/ui/icon'
import { type FolderTask, FolderMenu } from './foldermenu'
import { type Task, dragType } from './item'
import { Failed, List } from './list'
import { Name } from './name'
import { opened, toggleFolder } from './opened'
import type { Selection } from './selection'

interface FoldersProps {
  selection: Selection | undefined
  onTask: (task: Task, chat: Chat) => void
  onFolderTask: (task: FolderTask, folder: Folder) => void
}

/** Folders in folders; opening one shows its chats. */
export function Folders(props: FoldersProps) {
  const { data, error, refetch } = useFolders()
  if (!data && error) return <Failed message={sentence(error)} onRetry={() => void refetch()} />
  const branches = treeOf(data?.items ?? [])
  if (branches.length === 0) return null
  return (
    <section aria-label="Folders" className="mb-4">
      <h2 className="px-3 pb-1 text-xs font-medium text-muted">Folders</h2>
      <Branches branches={branches} {...props} />
    </section>
  )
}

function Branches({ branches, ...props }: FoldersProps & { branches: Branch<Folder>[] }) {
  return (
    <ul className="flex flex-col gap-0.5">
      {branches.map((branch) => (
        <Row key={branch.folder.id} branch={branch} {...props} />
      ))}
    </ul>
  )
}

function Row({ branch, ...props }: FoldersProps & { branch: Branch<Folder> }) {
  const { folder, inside } = branch
  const isOpen = useSyncExternalStore(opened.subscribe, opened.get).has(folder.id)
  const [renaming, setRenaming] = useState(false)
  const { mutate: update } = useUpdateFolder()
  const drop = useDrop(folder.id)
  return (
    <li data-testid="folder">
      <div
        {...drop.handlers}
        className={`group relative flex items-center rounded-lg ${drop.over ? 'bg-soft' : 'hover:bg-line/45'}`}
      >
        {renaming ? (
          <Name
            label="Name of the folder"
            testId="folder-rename-input"
            value={folder.name}
            limit={100}
            onEnd={(name) => {
              setRenaming(false)
              if (name !== undefined) update({ folderId: folder.id, changes: { name } })
            }}
          />
        ) : (
          <>
            <button
              type="button"
              aria-expanded={isOpen}
              data-testid="folder-toggle"
              className="flex min-w-0 flex-1 items-center gap-2 rounded-lg py-2 ps-2 pe-10 text-start text-sm"
              onClick={() => {
                toggleFolder(folder.id)
              }}
            >
              <Icon name="chevron" className={`size-3.5 text-muted ${isOpen ? '' : '-rotate-90'}`} />
              <Icon name="folder" className="size-4 text-muted" />
              <span className="truncate">{folder.name}</span>
            </button>
            <div className="reveal absolute end-1">
              <FolderMenu
                folder={folder}
                onRename={() => {
                  setRenaming(true)
                }}
                onTask={(task) => {
                  props.onFolderTask(task, folder)
                }}
              />
            </div>
          </>
        )}
      </div>
      {isOpen && (
        <div className="ms-3.5 border-s border-line ps-1.5">
          <Branches branches={inside} {...props} />
          <List
            which={{ folder: folder.id }}
            empty="No chats in here."
            selection={props.selection}
            onTask={props.onTask}
          />
        </div>
      )}
    </li>
  )
}

/** A chat that is dropped on a folder moves there. */
function useDrop(folderId: string) {
  const [over, setOver] = useState(false)
  const { mutate: change } = useChangeChat()
  const handlers = {
    onDragOver: (event: DragEvent) => {
      if (!event.dataTransfer.types.includes(dragType)) return
      event.preventDefault()
      setOver(true)
    },
    onDragLeave: () => {
      setOver(false)
    },
    onDrop: ({ dataTransfer }: DragEvent) => {
      setOver(false)
      const chatId = dataTransfer.getData(dragType)
      if (chatId !== '') change({ chatId, changes: { folderId } })
    },
  }
  return { over, handlers }
}
