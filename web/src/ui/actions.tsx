import { type KeyboardEvent, type ReactNode, useRef } from 'react'
import { Icon, type IconName } from './icon'
import { Popover } from './popover'

const enabled = '[role^=menuitem]:not(:disabled)'

const entryLook =
  'flex w-full items-center gap-2.5 rounded-lg px-2.5 py-1.5 text-start text-sm hover:bg-line/45 focus-visible:bg-line/45 focus-visible:outline-none disabled:opacity-50'

interface ActionsProps {
  label: string
  icon?: IconName
  button?: ReactNode
  look?: string
  testId?: string
  disabled?: boolean
  children: ReactNode
}

/** A menu of what can be done: arrows move through it, and what is chosen closes it. */
export function Actions({ children, ...rest }: ActionsProps) {
  return (
    <Popover {...rest} focus={enabled} className="max-h-[min(26rem,100%-0.6rem)] min-w-52 overflow-y-auto p-1.5">
      {(close) => <Entries onClose={close}>{children}</Entries>}
    </Popover>
  )
}

function Entries({ children, onClose }: { children: ReactNode; onClose: () => void }) {
  const list = useRef<HTMLDivElement>(null)
  return (
    <div
      ref={list}
      role="menu"
      className="flex flex-col gap-0.5"
      onKeyDown={(event) => {
        move(event, entriesOf(list.current))
      }}
      onClick={(event) => {
        if ((event.target as Element).closest('[role^=menuitem]')) onClose()
      }}
    >
      {children}
    </div>
  )
}

function entriesOf(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>(enabled) ?? [])]
}

function move(event: KeyboardEvent, entries: HTMLElement[]): void {
  const here = entries.indexOf(document.activeElement as HTMLElement)
  const goals: Record<string, number> = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: -1 }
  const goal = goals[event.key]
  if (goal === undefined) return
  event.preventDefault()
  entries.at(goal % entries.length)?.focus()
}

interface ActionProps {
  icon?: IconName
  children: ReactNode
  about?: string
  /** One of several, of which this one is chosen. */
  checked?: boolean
  danger?: boolean
  disabled?: boolean
  testId?: string
  onSelect: () => void
}

export function Action({ icon, children, about, checked, danger = false, disabled, testId, onSelect }: ActionProps) {
  return (
    <button
      type="button"
      role={checked === undefined ? 'menuitem' : 'menuitemradio'}
      aria-checked={checked}
      tabIndex={-1}
      disabled={disabled}
      data-testid={testId}
      onClick={onSelect}
      className={`${entryLook} ${danger ? 'text-danger' : ''}`}
    >
      {icon && <Icon name={icon} className={`size-4 ${danger ? '' : 'text-muted'}`} />}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {about !== undefined && <span className="text-xs text-muted">{about}</span>}
      {checked && <Icon name="check" className="size-4 text-accent" />}
    </button>
  )
}

/** An entry that gives a file. */
export function ActionDownload({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a href={href} download role="menuitem" tabIndex={-1} className={entryLook}>
      <Icon name="download" className="size-4 text-muted" />
      {children}
    </a>
  )
}

/** Entries that belong together, under a heading if they have one. */
export function ActionGroup({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div
      role="group"
      aria-label={title}
      className="not-first:mt-1 not-first:border-t not-first:border-line not-first:pt-1"
    >
      <p aria-hidden="true" className="px-2.5 pt-1 pb-0.5 text-xs font-medium text-muted">
        {title}
      </p>
      {children}
    </div>
  )
}
