import type { ToolCall } from '@/streams/message'
import { Icon } from '@/ui/icon'

/** A call that the model asked for, folded. Whoever asked the model makes it: what came of it is not known here. */
export function Call({ call }: { call: ToolCall }) {
  return (
    <details data-testid="tool-call" className="group/call text-sm text-muted">
      <summary className="inline-flex max-w-full list-none items-center gap-2 rounded-lg py-1.5 pe-2 font-medium transition-colors hover:text-ink [&::-webkit-details-marker]:hidden">
        <Icon name="bolt" />
        <span className="min-w-0 break-words">
          Asked for <code className="font-mono text-ink">{call.name}</code>
        </span>
        <Icon name="chevron" className="size-4 -rotate-90 transition-transform group-open/call:rotate-0" />
      </summary>
      <pre
        tabIndex={0}
        aria-label={`What ${call.name} is given`}
        role="region"
        className="scrollbar-thin my-1 max-h-96 overflow-auto rounded-xl border border-line bg-code p-3 font-mono text-xs leading-relaxed text-ink"
      >
        {inLines(call.arguments)}
      </pre>
    </details>
  )
}

function inLines(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    return json
  }
}
