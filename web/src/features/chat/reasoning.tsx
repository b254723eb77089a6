import { useEffect, useRef, useState } from 'react'
import { spanOf } from '@/lib/times'
import { Icon } from '@/ui/icon'

interface ReasoningProps {
  text: string
  open: boolean
  /** How long it took, where the server knows. */
  milliseconds: number | undefined
}

/** What a model thought before it spoke, folded; its end is shown while it grows. */
export function Reasoning({ text, open, milliseconds }: ReasoningProps) {
  const watched = useSeconds(open)
  const seconds = milliseconds === undefined ? watched : Math.round(milliseconds / 1000)
  return (
    <details data-testid="reasoning" className="group/reasoning text-sm text-muted">
      <summary className="inline-flex max-w-full list-none items-center gap-2 rounded-lg py-1.5 pe-2 font-medium transition-colors hover:text-ink [&::-webkit-details-marker]:hidden">
        <Icon name="thought" className={`size-4 ${open ? 'animate-pulse text-accent' : ''}`} />
        <span className="tabular-nums">{open ? `Thinking ${watched ? spanOf(watched) : '…'}` : titleOf(seconds)}</span>
        <Icon name="chevron" className="size-4 -rotate-90 transition-transform group-open/reasoning:rotate-0" />
      </summary>
      <p className="my-1 border-s-2 border-line ps-4 leading-relaxed break-words whitespace-pre-wrap">{text}</p>
    </details>
  )
}

function titleOf(seconds: number | undefined): string {
  if (seconds === undefined) return 'Reasoning'
  return `Thought for ${seconds === 0 ? 'a moment' : spanOf(seconds)}`
}

/** How long this tab has watched it grow; undefined when it has not. */
function useSeconds(growing: boolean): number | undefined {
  const [seconds, setSeconds] = useState<number>()
  const begun = useRef<number>(undefined)
  useEffect(() => {
    if (!growing) return
    begun.current ??= performance.now()
    const timer = setInterval(() => {
      setSeconds(Math.round((performance.now() - (begun.current ?? 0)) / 1000))
    }, 1000)
    return () => {
      clearInterval(timer)
    }
  }, [growing])
  return seconds
}
