import type { Which } from '@/api/filing'
import { useTags } from '@/queries/tags'
import { Action, ActionGroup, Actions } from '@/ui/actions'
import { IconButton } from '@/ui/button'
import { Icon } from '@/ui/icon'

interface FilterProps {
  which: Which
  onChoose: (which: Which) => void
}

/** Which chats are shown. */
export function Filter({ which, onChoose }: FilterProps) {
  const name = which.archived ? 'Archive' : which.tag
  return (
    <div className="flex min-w-0 flex-1 items-center">
      <Actions
        label="Which chats to show"
        testId="chat-filter"
        look={`inline-flex h-8 min-w-0 items-center gap-1.5 rounded-lg px-2 text-xs font-medium hover:bg-line/60 aria-expanded:bg-line/60 ${name === undefined ? 'text-muted' : 'text-accent'}`}
        button={
          <>
            <Icon name={which.archived ? 'archive' : which.tag === undefined ? 'filter' : 'tag'} className="size-3.5" />
            <span className="truncate">{name ?? 'All chats'}</span>
            <Icon name="chevron" className="size-3.5" />
          </>
        }
      >
        <Choices which={which} onChoose={onChoose} />
      </Actions>
      {name !== undefined && (
        <IconButton
          icon="close"
          label="Show all chats"
          className="size-7"
          onClick={() => {
            onChoose({})
          }}
        />
      )}
    </div>
  )
}

function Choices({ which, onChoose }: FilterProps) {
  const { data: tags, error } = useTags()
  const choice = (name: string, goal: Which, about?: string) => (
    <Action
      key={name}
      checked={which.archived === goal.archived && which.tag === goal.tag}
      {...(about !== undefined && { about })}
      onSelect={() => {
        onChoose(goal)
      }}
    >
      {name}
    </Action>
  )
  return (
    <>
      {choice('All chats', {})}
      {choice('Archive', { archived: true })}
      {!tags && error && (
        // Opening the menu anew asks again.
        <p role="alert" className="px-2.5 py-1.5 text-xs text-danger">
          Your tags could not be loaded.
        </p>
      )}
      {tags && tags.length > 0 && (
        <ActionGroup title="Tags">
          {tags.map(({ name, chats }) => choice(name, { tag: name }, String(chats)))}
        </ActionGroup>
      )}
    </>
  )
}
