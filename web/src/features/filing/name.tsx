import { type KeyboardEvent, useState } from 'react'

interface NameProps {
  label: string
  value: string
  limit: number
  testId: string
  /** With nothing when it stays as it is. */
  onEnd: (name?: string) => void
}

/** A name, open to be changed where it stands. */
export function Name({ label, value, limit, testId, onEnd }: NameProps) {
  const [text, setText] = useState(value)
  const save = (): void => {
    const name = text.trim()
    onEnd(name === '' || name === value ? undefined : name)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Enter') save()
    if (event.key === 'Escape') {
      // In the drawer, Escape would close that as well.
      event.preventDefault()
      onEnd()
    }
  }
  return (
    <input
      data-testid={testId}
      aria-label={label}
      ref={(input) => {
        input?.select()
      }}
      value={text}
      maxLength={limit}
      onChange={(event) => {
        setText(event.target.value)
      }}
      onKeyDown={onKeyDown}
      onBlur={save}
      className="min-w-0 flex-1 rounded-lg border border-accent bg-surface px-2.5 py-1.5 text-sm outline-none"
    />
  )
}
