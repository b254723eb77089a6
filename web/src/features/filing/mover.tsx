import { useState } from 'react'
import { sentence } from '@/api/errors'
import { goalsFor } from '@/lib/folders'
import { useFolders } from '@/queries/folders'
import { Button } from '@/ui/button'
import { Outcome } from '@/ui/field'
import { Icon } from '@/ui/icon'
import { RetryLine } from '@/ui/placeholder'
import { Sheet } from '@/ui/sheet'
import { FolderForm } from './folderform'

interface MoverProps {
  title: string
  /** Where it is now. */
  here: string | null
  /** The folder that is moved, which cannot go into itself. */
  moving?: string
  busy: boolean
  error: Error | null
  onMove: (folderId: string | null) => void
  onClose: () => void
}

/** Asks for a folder. */
export function Mover({ title, here, moving, busy, error, onMove, onClose }: MoverProps) {
  const { data, error: missing, refetch } = useFolders()
  const [adding, setAdding] = useState(false)
  const goals = goalsFor(data?.items ?? [], moving)
  if (adding) {
    return (
      <FolderForm
        parentId={null}
        onMade={(folder) => {
          onMove(folder.id)
        }}
        onClose={onClose}
      />
    )
  }
  return (
    <Sheet title={title} onClose={onClose}>
      <ul className="flex flex-col gap-0.5">
        <Goal
          name="In no folder"
          depth={0}
          isHere={here === null}
          busy={busy}
          onChoose={() => {
            onMove(null)
          }}
        />
        {goals.map(({ folder, depth }) => (
          <Goal
            key={folder.id}
            name={folder.name}
            depth={depth}
            isHere={folder.id === here}
            busy={busy}
            onChoose={() => {
              onMove(folder.id)
            }}
          />
        ))}
      </ul>
      {!data && missing && <RetryLine message={sentence(missing)} onRetry={() => void refetch()} />}
      <Button
        icon="plus"
        className="mt-4"
        onClick={() => {
          setAdding(true)
        }}
      >
        New folder
      </Button>
      <Outcome error={error ? sentence(error) : undefined} />
    </Sheet>
  )
}

interface GoalProps {
  name: string
  depth: number
  isHere: boolean
  busy: boolean
  onChoose: () => void
}

function Goal({ name, depth, isHere, busy, onChoose }: GoalProps) {
  return (
    <li style={{ paddingInlineStart: `${depth * 1.25}rem` }}>
      <button
        type="button"
        disabled={busy || isHere}
        aria-current={isHere ? 'true' : undefined}
        onClick={onChoose}
        className="flex w-full items-center gap-2.5 rounded-lg px-2.5 py-2 text-start text-sm hover:bg-line/45"
      >
        <Icon name="folder" className="size-4 text-muted" />
        <span className="min-w-0 flex-1 truncate">{name}</span>
        {isHere && <Icon name="check" className="size-4 text-accent" />}
      </button>
    </li>
  )
}
