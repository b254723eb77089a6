import { type SyntheticEvent, useState } from 'react'
import type { MessageMarks } from '@/api/client'
import type { Facts } from '@/streams/message'
import { Button, IconButton } from '@/ui/button'
import { ToolButton } from '@/ui/copy'

type Value = NonNullable<Facts['rating']>

interface RatingProps {
  facts: Facts
  onMark: (marks: MessageMarks) => void
  /** Whether somebody is about to say why. */
  onAsk: (asks: boolean) => void
}

/** Good or not. A second click takes it back. */
export function Rating({ facts, onMark, onAsk }: RatingProps) {
  const rate = (rating: Value): void => {
    const isBack = facts.rating === rating
    onMark({ rating: isBack ? null : rating })
    onAsk(!isBack)
  }
  const button = (rating: Value, label: string) => (
    <ToolButton
      icon={rating === 'up' ? 'like' : 'dislike'}
      label={label}
      pressed={facts.rating === rating}
      testId={`rate-${rating}`}
      onClick={() => {
        rate(rating)
      }}
    />
  )
  return (
    <>
      {button('up', 'Good answer')}
      {button('down', 'Bad answer')}
    </>
  )
}

/** Asks why, below a rating that stands already. */
export function Reason({ facts, onMark, onClose }: Omit<RatingProps, 'onAsk'> & { onClose: () => void }) {
  const [text, setText] = useState(facts.ratingReason ?? '')
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    onMark({ rating: facts.rating, ratingReason: text.trim() === '' ? null : text.trim() })
    onClose()
  }
  return (
    <form
      aria-label="Why this rating"
      onSubmit={onSubmit}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
      }}
      className="flex max-w-xl items-center gap-2 rounded-xl border border-line bg-surface p-1.5"
    >
      <input
        data-testid="rating-reason"
        aria-label="Why"
        ref={(input) => input?.focus()}
        value={text}
        maxLength={2000}
        placeholder={facts.rating === 'up' ? 'What was good about it?' : 'What was wrong with it?'}
        onChange={(event) => {
          setText(event.target.value)
        }}
        className="h-9 min-w-0 flex-1 bg-transparent px-2.5 text-sm outline-none"
      />
      <Button type="submit">Save</Button>
      <IconButton icon="close" label="Give no reason" onClick={onClose} />
    </form>
  )
}
