import { type ReactNode, type RefObject, useLayoutEffect, useState } from 'react'
import type { Components } from 'react-markdown'

/** A table may be wider than the page. */
export function Scroll({ children }: { children: ReactNode }) {
  return (
    <div
      tabIndex={0}
      role="region"
      aria-label="Table"
      className="scrollbar-thin my-4 overflow-x-auto rounded-xl border border-line"
    >
      {children}
    </div>
  )
}

function Only({ children }: { children?: ReactNode }) {
  return <>{children}</>
}

/** Renders a table of Markdown as its header alone, for a table that is put together of pieces. */
export const head: Components = { table: ({ children }) => <Only>{children}</Only>, tbody: () => null }

/** Renders it as its rows alone. */
export const rows: Components = { table: ({ children }) => <Only>{children}</Only>, thead: () => null }

/** The widths of a table's columns, taken once they are wanted, and again when the page has another width. */
export function useWidths(table: RefObject<HTMLTableElement | null>, wanted: boolean): number[] | undefined {
  const [taken, setTaken] = useState<{ widths: number[]; page: number }>()
  const isOld = taken !== undefined && taken.page !== innerWidth
  useLayoutEffect(() => {
    if (!wanted || (taken && !isOld) || !table.current) return
    const names = [...table.current.querySelectorAll('th')]
    // eslint-disable-next-line react-hooks/set-state-in-effect -- only the page knows them, and only once it is laid out
    setTaken({ widths: names.map((name) => name.getBoundingClientRect().width), page: innerWidth })
  }, [table, wanted, taken, isOld])
  return isOld ? undefined : taken?.widths
}
