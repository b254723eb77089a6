import { type SyntheticEvent, useState } from 'react'
import { sentence } from '@/api/errors'
import type { Folder } from '@/api/filing'
import { useCreateFolder } from '@/queries/folders'
import { Button } from '@/ui/button'
import { Field } from '@/ui/field'
import { Sheet } from '@/ui/sheet'
import { toggleFolder } from './opened'

interface FolderFormProps {
  parentId: string | null
  onMade?: (folder: Folder) => void
  onClose: () => void
}

export function FolderForm({ parentId, onMade, onClose }: FolderFormProps) {
  const [name, setName] = useState('')
  const { mutate, isPending, error } = useCreateFolder()
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    mutate(
      { name: name.trim(), parentId },
      {
        onSuccess: (folder) => {
          if (parentId !== null) toggleFolder(parentId, true)
          onMade?.(folder)
          onClose()
        },
      },
    )
  }
  return (
    <Sheet title="New folder" onClose={onClose}>
      <form onSubmit={onSubmit}>
        <Field
          label="Name"
          name="folder-name"
          data-testid="folder-name"
          autoComplete="off"
          required
          pattern=".*\S.*"
          maxLength={100}
          value={name}
          error={error ? sentence(error) : undefined}
          onChange={(event) => {
            setName(event.target.value)
          }}
        />
        <div className="mt-5 flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={isPending}>
            Make the folder
          </Button>
        </div>
      </form>
    </Sheet>
  )
}
