import type { MessageMarks } from '@/api/client'
import type { Facts } from '@/streams/message'
import { Popover } from '@/ui/popover'

/** The ones people reach for; the server takes any. */
const usual = ['👍', '🎉', '❤️', '😄', '🤔', '👀', '🚀', '💡', '✅', '❌', '😕', '🙏']

interface ReactionsProps {
  facts: Facts
  onMark: (marks: MessageMarks) => void
}

function toggled(reactions: readonly string[], emoji: string): string[] {
  return reactions.includes(emoji) ? reactions.filter((each) => each !== emoji) : [...reactions, emoji]
}

export function ReactionPicker({ facts, onMark }: ReactionsProps) {
  return (
    <Popover label="React" icon="smile" testId="react" className="p-2">
      {(close) => (
        <div className="grid grid-cols-6 gap-0.5">
          {usual.map((emoji) => (
            <button
              key={emoji}
              type="button"
              aria-pressed={facts.reactions.includes(emoji)}
              className="size-9 rounded-lg text-lg hover:bg-line/60 aria-pressed:bg-soft"
              onClick={() => {
                onMark({ reactions: toggled(facts.reactions, emoji) })
                close()
              }}
            >
              {emoji}
            </button>
          ))}
        </div>
      )}
    </Popover>
  )
}

export function Reactions({ facts, onMark }: ReactionsProps) {
  if (facts.reactions.length === 0) return null
  return (
    <ul aria-label="Your reactions" className="flex flex-wrap gap-1.5">
      {facts.reactions.map((emoji) => (
        <li key={emoji}>
          <button
            type="button"
            data-testid="reaction"
            aria-label={`Take back ${emoji}`}
            title="Take back"
            className="rounded-full border border-line bg-soft px-2.5 py-0.5 text-sm hover:border-accent"
            onClick={() => {
              onMark({ reactions: toggled(facts.reactions, emoji) })
            }}
          >
            {emoji}
          </button>
        </li>
      ))}
    </ul>
  )
}
