import { type KeyboardEvent, type ReactNode, useId, useRef } from 'react'

interface TabsProps<T extends string> {
  label: string
  tabs: readonly { id: T; name: string }[]
  value: T
  onChange: (id: T) => void
  children: ReactNode
}

const steps: Partial<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 }

/** One of several panels; the arrow keys go from tab to tab. */
export function Tabs<T extends string>({ label, tabs, value, onChange, children }: TabsProps<T>) {
  const id = useId()
  const list = useRef<HTMLDivElement>(null)
  const onKeyDown = ({ key }: KeyboardEvent): void => {
    const step = steps[key]
    const at = tabs.findIndex((tab) => tab.id === value)
    const next = step === undefined ? undefined : tabs[(at + step + tabs.length) % tabs.length]
    if (!next) return
    onChange(next.id)
    list.current?.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus()
  }
  return (
    <div className="flex min-h-0 min-w-0 flex-1 flex-col">
      <div
        ref={list}
        role="tablist"
        aria-label={label}
        onKeyDown={onKeyDown}
        className="flex shrink-0 gap-1 border-b border-line px-3"
      >
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-${tab.id}`}
            data-tab={tab.id}
            aria-selected={tab.id === value}
            aria-controls={`${id}-panel`}
            tabIndex={tab.id === value ? 0 : -1}
            onClick={() => {
              onChange(tab.id)
            }}
            className="-mb-px border-b-2 border-transparent px-2.5 py-2 text-sm font-medium text-muted hover:text-ink aria-selected:border-accent aria-selected:text-ink"
          >
            {tab.name}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${value}`}
        className="flex min-h-0 min-w-0 flex-1 flex-col"
      >
        {children}
      </div>
    </div>
  )
}
