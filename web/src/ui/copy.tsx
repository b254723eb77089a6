import { useEffect, useState } from 'react'
import { copy } from '@/lib/clipboard'
import { Icon, type IconName } from './icon'

type Outcome = 'none' | 'copied' | 'refused'

const words: Record<Outcome, string> = { none: 'Copy', copied: 'Copied', refused: 'Not allowed' }

interface CopyProps {
  text: () => string
  label: string
  /** Only the icon is shown. */
  bare?: boolean
  className?: string
}

export function CopyButton({ text, label, bare = false, className = '' }: CopyProps) {
  const [outcome, setOutcome] = useState<Outcome>('none')
  useEffect(() => {
    if (outcome === 'none') return
    const timer = setTimeout(() => {
      setOutcome('none')
    }, 2000)
    return () => {
      clearTimeout(timer)
    }
  }, [outcome])
  const onClick = async (): Promise<void> => {
    setOutcome((await copy(text())) ? 'copied' : 'refused')
  }
  const isIdle = outcome === 'none'
  return (
    <ToolButton
      icon={outcome === 'copied' ? 'check' : 'copy'}
      label={isIdle ? label : words[outcome]}
      {...(!bare && { text: words[outcome] })}
      onClick={() => void onClick()}
      className={className}
    />
  )
}

interface ToolProps {
  icon: IconName
  label: string
  /** Shown beside the icon. */
  text?: string
  pressed?: boolean
  onClick: () => void
  className?: string
  testId?: string
}

/** A small button for something that is done with a text. */
export function ToolButton({ icon, label, text, pressed, onClick, className = '', testId }: ToolProps) {
  return (
    <button
      type="button"
      aria-label={label}
      aria-pressed={pressed}
      title={text === undefined ? label : undefined}
      data-testid={testId}
      onClick={onClick}
      className={`inline-flex min-h-8 min-w-8 items-center justify-center gap-1.5 rounded-md px-2 text-xs font-medium text-muted transition-colors hover:bg-line/60 hover:text-ink aria-pressed:text-accent ${className}`}
    >
      <Icon name={icon} className="size-3.5" />
      {text}
    </button>
  )
}
