import { type ReactNode, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { IconButton } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { Icon } from '@/ui/icon'
import { Mark } from '@/ui/mark'
import { useMedia } from '@/ui/media'
import { Ended } from './ended'
import { Overlays } from './overlays'
import { Sidebar } from './sidebar'

/** The frame around every screen: the chats at its side, or behind a button where there is no room. */
export function Shell({ children }: { children: ReactNode }) {
  const wide = useMedia('(min-width: 768px)')
  return (
    <div className="flex h-dvh">
      {wide && (
        <aside className="w-68 shrink-0 border-e border-line" aria-label="Sidebar">
          <Sidebar />
        </aside>
      )}
      <div className="flex min-w-0 flex-1 flex-col">
        {!wide && <Topbar />}
        <Ended />
        <main className="flex min-h-0 flex-1 flex-col">{children}</main>
      </div>
      <Overlays />
    </div>
  )
}

function Topbar() {
  const [location] = useLocation()
  // The drawer belongs to the page it was opened on: going elsewhere closes it.
  const [openedOn, setOpenedOn] = useState<string>()
  if (openedOn !== undefined && openedOn !== location) setOpenedOn(undefined)
  const close = (): void => {
    setOpenedOn(undefined)
  }
  return (
    <header className="flex h-13 shrink-0 items-center justify-between border-b border-line px-2">
      <IconButton
        icon="menu"
        label="Open the menu"
        onClick={() => {
          setOpenedOn(location)
        }}
      />
      <Link href="/" className="flex items-center gap-2 font-semibold tracking-tight">
        <Mark className="size-6" /> Penstock
      </Link>
      <Link
        href="/"
        aria-label="New chat"
        className="inline-flex size-9 items-center justify-center rounded-lg text-muted hover:text-ink"
      >
        <Icon name="plus" className="size-5" />
      </Link>
      {openedOn !== undefined && (
        <Dialog
          label="Menu"
          onClose={close}
          className="me-auto h-dvh max-h-none w-[min(19rem,85vw)] max-w-none border-e border-line bg-panel"
        >
          <div
            className="h-full"
            onClick={(event) => {
              // The address stays when the link leads to the page that is open already.
              if ((event.target as Element).closest('a')) close()
            }}
          >
            <Sidebar onClose={close} />
          </div>
        </Dialog>
      )}
    </header>
  )
}
