import { type ReactNode, useEffect, useRef } from 'react'

interface DialogProps {
  label: string
  className: string
  onClose: () => void
  children: ReactNode
}

/** The browser's own modal dialog: it keeps the focus inside, and Escape or a click beside it closes it. */
export function Dialog({ label, className, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    return () => shown?.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      aria-label={label}
      className={`backdrop:bg-black/45 ${className}`}
      onCancel={(event) => {
        event.preventDefault()
        // React passes the event on to the dialog around this one.
        if (event.target === event.currentTarget) onClose()
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose()
      }}
    >
      {children}
    </dialog>
  )
}
