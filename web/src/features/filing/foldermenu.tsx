import type { Folder } from '@/api/filing'
import { Action, Actions } from '@/ui/actions'
import { look } from './menu'

export type FolderTask = 'add' | 'move' | 'delete'

interface FolderMenuProps {
  folder: Folder
  onRename: () => void
  onTask: (task: FolderTask) => void
}

/** What can be done with a folder. */
export function FolderMenu({ folder, onRename, onTask }: FolderMenuProps) {
  const task = (name: FolderTask) => () => {
    onTask(name)
  }
  return (
    <Actions label={`What to do with the folder ${folder.name}`} icon="more" testId="folder-menu" look={look}>
      <Action icon="pencil" testId="folder-rename" onSelect={onRename}>
        Rename
      </Action>
      <Action icon="plus" testId="folder-add" onSelect={task('add')}>
        New folder in it…
      </Action>
      <Action icon="folder" testId="folder-move" onSelect={task('move')}>
        Move to a folder…
      </Action>
      <Action icon="trash" testId="folder-delete" danger onSelect={task('delete')}>
        Delete…
      </Action>
    </Actions>
  )
}
