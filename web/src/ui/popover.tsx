import { type ReactNode, type RefObject, useCallback, useId, useRef, useState } from 'react'
import { Icon, type IconName } from './icon'

interface PopoverProps {
  label: string
  /** What stands on the button: an icon, or more than that. */
  icon?: IconName
  button?: ReactNode
  look?: string
  testId?: string
  disabled?: boolean
  className?: string
  /** A selector of what has the focus first. */
  focus?: string
  /** Made when it opens. */
  children: (close: () => void) => ReactNode
}

const iconLook =
  'inline-flex size-8 items-center justify-center rounded-md text-muted transition-colors hover:bg-line/60 hover:text-ink aria-expanded:bg-line/60 aria-expanded:text-ink disabled:opacity-50'

/**
 * A button that shows something beside itself, above everything else. The browser keeps it: a click elsewhere or Escape
 * closes it, and the focus comes back to the button.
 */
export function Popover({
  label,
  icon,
  button,
  look = iconLook,
  testId,
  disabled,
  className,
  focus,
  children,
}: PopoverProps) {
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const id = useId()
  return (
    <>
      <button
        type="button"
        aria-label={label}
        aria-expanded={open}
        title={label}
        data-testid={testId}
        disabled={disabled}
        popoverTarget={id}
        className={look}
      >
        {icon && <Icon name={icon} className="size-4" />}
        {button}
      </button>
      <div
        ref={box}
        id={id}
        popover="auto"
        role="group"
        aria-label={label}
        className={`popover rounded-xl border border-line bg-surface text-sm text-ink shadow-lg ${className ?? ''}`}
        onBeforeToggle={({ newState }) => {
          setOpen(newState === 'open')
        }}
        onToggle={({ newState, currentTarget }) => {
          if (newState === 'open' && focus !== undefined) currentTarget.querySelector<HTMLElement>(focus)?.focus()
        }}
        onKeyDown={(event) => {
          // In the drawer, Escape would close that as well.
          if (event.key === 'Escape') event.stopPropagation()
        }}
      >
        {open && <Inside box={box}>{children}</Inside>}
      </div>
    </>
  )
}

function Inside({ box, children }: { box: RefObject<HTMLDivElement | null>; children: PopoverProps['children'] }) {
  const close = useCallback(() => {
    box.current?.hidePopover()
  }, [box])
  return children(close)
}
