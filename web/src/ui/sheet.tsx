import { type ReactNode, useId } from 'react'
import { IconButton } from './button'
import { Dialog } from './dialog'

interface SheetProps {
  title: string
  /** Wider than a question takes. */
  wide?: boolean
  children: ReactNode
  onClose: () => void
}

/** A dialog with a title, for everything that is more than a question; from below on phones. */
export function Sheet({ title, wide = false, children, onClose }: SheetProps) {
  const heading = useId()
  return (
    <Dialog
      label={title}
      onClose={onClose}
      className={`mx-auto mt-auto mb-0 max-h-[88dvh] w-full max-w-none rounded-t-2xl border border-line bg-surface shadow-xl sm:my-auto sm:rounded-2xl ${wide ? 'sm:w-[min(40rem,calc(100%-2rem))]' : 'sm:w-[min(28rem,calc(100%-2rem))]'}`}
    >
      {/* The button stands behind what the sheet is for, so that it is not the first to have the focus. */}
      <section aria-labelledby={heading} className="relative flex max-h-[88dvh] flex-col">
        <h2 id={heading} className="truncate py-4 ps-5 pe-14 text-lg font-semibold">
          {title}
        </h2>
        <div className="scrollbar-thin min-h-0 flex-1 overflow-y-auto px-5 pb-5">{children}</div>
        <IconButton icon="close" label="Close" className="absolute end-3 top-3" onClick={onClose} />
      </section>
    </Dialog>
  )
}
