import { useEffect, useState } from 'react'
import { copy } from '@/lib/clipboard'
import { Icon } from './icon'

type Outcome = 'none' | 'copied' | 'refused'

const words: Record<Outcome, string> = { none: 'Copy', copied: 'Copied', refused: 'Not allowed' }

export function CopyButton({ text, label, className = '' }: { text: () => string; label: string; className?: string }) {
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
  return (
    <button
      type="button"
      aria-label={outcome === 'none' ? label : words[outcome]}
      onClick={() => void onClick()}
      className={`inline-flex min-h-8 items-center gap-1.5 rounded-md px-2 text-xs font-medium text-muted transition-colors hover:bg-line/60 hover:text-ink ${className}`}
    >
      <Icon name={outcome === 'copied' ? 'check' : 'copy'} className="size-3.5" />
      {words[outcome]}
    </button>
  )
}
