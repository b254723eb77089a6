import { Icon } from '@/ui/icon'

export function Reasoning({ text, open }: { text: string; open: boolean }) {
  return (
    <details className="group/reasoning rounded-xl border border-line text-sm text-muted">
      <summary className="flex list-none items-center gap-2 px-4 py-2.5 font-medium [&::-webkit-details-marker]:hidden">
        <Icon name="chevron" className="size-4 -rotate-90 transition-transform group-open/reasoning:rotate-0" />
        {open ? <span className="animate-pulse">Thinking…</span> : 'Reasoning'}
      </summary>
      <p className="border-t border-line px-4 py-3 leading-relaxed break-words whitespace-pre-wrap">{text}</p>
    </details>
  )
}
