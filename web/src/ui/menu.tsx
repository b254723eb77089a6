import { type ReactNode, useEffect, useId, useRef, useState } from 'react'

interface MenuProps {
  label: string
  button: ReactNode
  /** The entries; choosing a link or a button among them closes the menu. */
  children: ReactNode
}

/** A button that shows a few entries above itself, until one is chosen or the attention goes elsewhere. */
export function Menu({ label, button, children }: MenuProps) {
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const opener = useRef<HTMLButtonElement>(null)
  const id = useId()

  useEffect(() => {
    if (!open) return
    const onPointer = (event: PointerEvent): void => {
      if (!box.current?.contains(event.target as Node)) setOpen(false)
    }
    document.addEventListener('pointerdown', onPointer)
    return () => {
      document.removeEventListener('pointerdown', onPointer)
    }
  }, [open])

  return (
    <div
      ref={box}
      className="relative"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open) return
        // In the drawer, Escape would close that as well.
        event.preventDefault()
        setOpen(false)
        opener.current?.focus()
      }}
      onBlur={({ relatedTarget }) => {
        if (relatedTarget && !box.current?.contains(relatedTarget)) setOpen(false)
      }}
    >
      <button
        ref={opener}
        type="button"
        aria-label={label}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        data-testid="account"
        className="flex w-full items-center gap-3 rounded-lg p-2 text-start transition-colors hover:bg-line/45 aria-expanded:bg-line/45"
        onClick={() => {
          setOpen(!open)
        }}
      >
        {button}
      </button>
      {open && (
        <ul
          id={id}
          className="absolute inset-x-0 bottom-full z-10 mb-1.5 flex flex-col gap-0.5 rounded-xl border border-line bg-surface p-1.5 shadow-lg"
          onClick={(event) => {
            if ((event.target as Element).closest('a')) setOpen(false)
          }}
        >
          {children}
        </ul>
      )}
    </div>
  )
}

export const menuEntry =
  'flex w-full items-center gap-2.5 rounded-lg px-2.5 py-2 text-start text-sm hover:bg-line/45 disabled:opacity-50'
