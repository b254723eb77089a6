import type { Facts } from '@/streams/message'
import { IconButton } from '@/ui/button'

interface VersionsProps {
  messageId: string
  facts: Facts | undefined
  disabled: boolean
  onChoose: (messageId: string) => void
}

/** Leads from one version of a message to the next, each with what followed it (B5). */
export function Versions({ messageId, facts, disabled, onChoose }: VersionsProps) {
  const ids = facts?.versionIds ?? []
  if (ids.length < 2) return null
  const here = ids.indexOf(messageId)
  const arrow = (icon: 'left' | 'right', label: string, goal: string | undefined) => (
    <IconButton
      icon={icon}
      label={label}
      className="size-8"
      disabled={disabled || goal === undefined}
      onClick={() => {
        if (goal !== undefined) onChoose(goal)
      }}
    />
  )
  return (
    <div
      role="group"
      aria-label="Versions"
      data-testid="versions"
      className="inline-flex items-center text-xs text-muted"
    >
      {arrow('left', 'Previous version', ids[here - 1])}
      <span className="tabular-nums">
        <span className="sr-only">Version </span>
        {here + 1} / {ids.length}
      </span>
      {arrow('right', 'Next version', ids[here + 1])}
    </div>
  )
}
