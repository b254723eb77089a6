import {
  type CSSProperties,
  Children,
  type ReactNode,
  type RefObject,
  cloneElement,
  isValidElement,
  useLayoutEffect,
  useState,
} from 'react'
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

interface Cell {
  role?: string
  style?: CSSProperties
}

/** A row that can be laid out without the others: its cells ask the table for the widths of their columns. */
const row = (role: 'columnheader' | 'cell') =>
  function Row({ children }: { children?: ReactNode }) {
    const cells = Children.toArray(children).filter((cell) => isValidElement<Cell>(cell))
    return (
      // Browsers tell what is not laid out, or not as a table, by its role alone.
      <tr role="row">
        {cells.map((cell, index) =>
          cloneElement(cell, { role, style: { ...cell.props.style, width: `var(--column-${String(index)})` } }),
        )}
      </tr>
    )
  }

const group: Components['tbody'] = ({ children }) => <tbody role="rowgroup">{children}</tbody>

/** Renders a table of Markdown as its header alone, for a table that is put together of pieces. */
export const head: Components = {
  table: ({ children }) => <Only>{children}</Only>,
  tbody: () => null,
  tr: row('columnheader'),
}

/** Renders it as its rows alone. */
export const rows: Components = {
  table: ({ children }) => <Only>{children}</Only>,
  thead: () => null,
  tbody: group,
  tr: row('cell'),
}

/** Tells the rows of a table the widths of its columns. */
export function columnsOf(widths: readonly number[]): CSSProperties {
  const total = widths.reduce((sum, width) => sum + width, 0)
  const columns = widths.map((width, index) => [`--column-${String(index)}`, `${String(width)}px`] as const)
  return { width: `${String(total)}px`, ...Object.fromEntries<string>(columns) }
}

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
