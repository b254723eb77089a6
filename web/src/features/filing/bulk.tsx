import { useState } from 'react'
import { useLocation } from 'wouter'
import { sentence } from '@/api/errors'
import { useChangeChats } from '@/queries/chats'
import { useConversations } from '@/queries/conversations'
import { IconButton } from '@/ui/button'
import { Confirm } from '@/ui/confirm'
import type { Selection } from './selection'

interface BulkProps {
  selection: Selection
  /** Whether those that are selected are put away already. */
  archived: boolean
  onEnd: () => void
}

/** What can be done with all that is selected, in the place of the filter. */
export function Bulk({ selection: { ids }, archived, onEnd }: BulkProps) {
  const { mutate, isPending, error } = useChangeChats()
  const [asking, setAsking] = useState(false)
  const conversations = useConversations()
  const [location, navigate] = useLocation()
  const act = (action: 'delete' | 'archive' | 'unarchive'): void => {
    mutate(
      { action, ids: [...ids] },
      {
        onSuccess: () => {
          if (action === 'delete') {
            if ([...ids].some((id) => location === `/chats/${id}`)) navigate('/')
            for (const id of ids) conversations.forget(id)
          }
          onEnd()
        },
      },
    )
  }
  const none = ids.size === 0 || isPending
  const count = ids.size === 1 ? '1 chat' : `${ids.size} chats`
  return (
    <div
      role="group"
      aria-label="Selected chats"
      data-testid="bulk"
      className="flex min-w-0 flex-1 flex-wrap items-center"
    >
      <p aria-live="polite" className="min-w-0 flex-1 truncate px-2 text-xs font-medium">
        {ids.size} selected
      </p>
      <IconButton
        icon="archive"
        label={archived ? 'Take out of the archive' : 'Archive'}
        className="size-8"
        disabled={none}
        onClick={() => {
          act(archived ? 'unarchive' : 'archive')
        }}
      />
      <IconButton
        icon="trash"
        label="Delete"
        className="size-8"
        disabled={none}
        onClick={() => {
          setAsking(true)
        }}
      />
      <IconButton icon="close" label="Select none" className="size-8" onClick={onEnd} />
      {error && !asking && (
        <p role="alert" className="w-full px-2 pt-1 text-xs text-danger">
          {sentence(error)}
        </p>
      )}
      {asking && (
        <Confirm
          title={`Delete ${count}?`}
          confirm="Delete"
          keep="Keep"
          testId="bulk-delete-confirm"
          busy={isPending}
          error={error ? sentence(error) : undefined}
          onConfirm={() => {
            act('delete')
          }}
          onClose={() => {
            setAsking(false)
          }}
        >
          All their messages will be gone. This cannot be undone.
        </Confirm>
      )}
    </div>
  )
}
