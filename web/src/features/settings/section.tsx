import { type ReactNode, useId, useState } from 'react'
import { sentence } from '@/api/errors'
import { Button } from '@/ui/button'
import { RetryLine, Skeleton } from '@/ui/placeholder'

interface SectionProps {
  /** Where links lead to. */
  id?: string
  title: string
  about: string
  children: ReactNode
}

export function Section({ id, title, about, children }: SectionProps) {
  const heading = useId()
  return (
    <section
      id={id}
      aria-labelledby={heading}
      ref={reveal}
      className="grid gap-x-10 gap-y-5 py-8 lg:grid-cols-[13rem_minmax(0,1fr)]"
    >
      <header>
        <h2 id={heading} className="font-semibold">
          {title}
        </h2>
        <p className="mt-1 text-sm leading-relaxed text-balance text-muted">{about}</p>
      </header>
      <div className="min-w-0">{children}</div>
    </section>
  )
}

/** The page is made by script, so what its address names is not there yet when the browser looks for it. */
function reveal(section: HTMLElement | null): void {
  if (section?.id && location.hash === `#${section.id}`) section.scrollIntoView()
}

interface RowsProps<T> {
  /** Undefined until it is known. */
  items: readonly T[] | undefined
  error: Error | null
  onRetry: () => void
  /** What stands where there are none. */
  empty: ReactNode
  /** What the rows are, in the plural. */
  noun: string
  children: (item: T) => ReactNode
}

/** So many rows are shown at first. */
const few = 6

/** A list in all its states: on its way, failed, empty, and longer than one wants to see. */
export function Rows<T extends { id: string }>({ items, error, onRetry, empty, noun, children }: RowsProps<T>) {
  const [all, setAll] = useState(false)
  if (!items && error) return <RetryLine message={sentence(error)} onRetry={onRetry} />
  if (!items) {
    return (
      <div role="status" aria-label={`Loading ${noun}`} className="flex flex-col gap-3">
        <Skeleton className="h-12 w-full" />
        <Skeleton className="h-12 w-full" />
      </div>
    )
  }
  if (items.length === 0) return <p className="text-sm text-muted">{empty}</p>
  const shown = all ? items : items.slice(0, few)
  return (
    <>
      <ul className="divide-y divide-line rounded-xl border border-line bg-surface">
        {shown.map((item) => (
          <li key={item.id} className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-3">
            {children(item)}
          </li>
        ))}
      </ul>
      {shown.length < items.length && (
        <Button
          className="mt-3"
          onClick={() => {
            setAll(true)
          }}
        >
          Show all {items.length} {noun}
        </Button>
      )}
    </>
  )
}
