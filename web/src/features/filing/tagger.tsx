import { type SyntheticEvent, useId, useState } from 'react'
import type { Chat } from '@/api/client'
import { sentence } from '@/api/errors'
import { useChangeChat } from '@/queries/chats'
import { useTags } from '@/queries/tags'
import { Button } from '@/ui/button'
import { Outcome } from '@/ui/field'
import { Icon } from '@/ui/icon'
import { Sheet } from '@/ui/sheet'

/** The server keeps so many of one chat. */
const most = 20

/** Adds tags to a chat and takes them off; each is stored at once. */
export function Tagger({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const { data: known } = useTags()
  const [tags, setTags] = useState<readonly string[]>(chat.tags)
  const [text, setText] = useState('')
  const { mutate, error } = useChangeChat()
  const suggestions = useId()
  const change = (next: readonly string[]): void => {
    setTags(next)
    mutate({ chatId: chat.id, changes: { tags: [...next] } })
  }
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    const tag = text.trim()
    setText('')
    if (tag !== '' && !tags.includes(tag)) change([...tags, tag])
  }
  return (
    <Sheet title="Tags" onClose={onClose}>
      {tags.length === 0 ? (
        <p className="text-sm text-muted">Tags bring chats together that are kept in different places.</p>
      ) : (
        <ul aria-label="Tags of this chat" className="flex flex-wrap gap-1.5">
          {tags.map((tag) => (
            <li key={tag}>
              <button
                type="button"
                data-testid="tag"
                aria-label={`Remove the tag ${tag}`}
                className="inline-flex items-center gap-1.5 rounded-full bg-soft py-1 ps-3 pe-2 text-sm hover:bg-line"
                onClick={() => {
                  change(tags.filter((each) => each !== tag))
                }}
              >
                {tag} <Icon name="close" className="size-3.5 text-muted" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <form onSubmit={onSubmit} className="mt-4 flex gap-2">
        <input
          data-testid="tag-input"
          aria-label="Another tag"
          placeholder="Another tag"
          list={suggestions}
          maxLength={50}
          disabled={tags.length >= most}
          value={text}
          onChange={(event) => {
            setText(event.target.value)
          }}
          className="h-10 min-w-0 flex-1 rounded-lg border border-line bg-surface px-3 text-sm outline-none focus:border-accent"
        />
        <datalist id={suggestions}>
          {known
            ?.filter(({ name }) => !tags.includes(name))
            .map(({ name }) => (
              <option key={name} value={name} />
            ))}
        </datalist>
        <Button type="submit" icon="plus" disabled={text.trim() === ''}>
          Add
        </Button>
      </form>
      <div className="mt-3">
        <Outcome error={error ? sentence(error) : undefined} />
      </div>
    </Sheet>
  )
}
