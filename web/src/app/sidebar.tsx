import { useSyncExternalStore } from 'react'
import { Link } from 'wouter'
import { modifier } from '@/lib/keys'
import { Chats } from '@/features/filing/chats'
import { IconButton } from '@/ui/button'
import { Icon } from '@/ui/icon'
import { Mark } from '@/ui/mark'
import { theme, toggleTheme } from '@/ui/theme'
import { Foot } from './foot'
import { openPalette } from './overlays'

export function Sidebar({ onClose }: { onClose?: () => void }) {
  return (
    <div className="flex h-full flex-col gap-4 bg-panel p-3">
      <div className="flex h-9 items-center justify-between ps-1">
        <Link href="/" className="flex items-center gap-2.5 rounded-lg font-semibold tracking-tight">
          <Mark /> Penstock
        </Link>
        <div className="flex">
          <ThemeButton />
          {onClose && <IconButton icon="close" label="Close the menu" onClick={onClose} />}
        </div>
      </div>
      <Link
        href="/"
        data-testid="new-chat"
        className="flex h-10 items-center gap-2.5 rounded-lg border border-line bg-surface px-3 text-sm font-medium transition-colors hover:border-accent"
      >
        <Icon name="plus" /> New chat
      </Link>
      <SearchButton onOpen={onClose} />
      <Link
        href="/projects"
        className="-mt-2 flex h-9 items-center gap-2.5 rounded-lg px-3 text-sm font-medium text-muted transition-colors hover:bg-line/45 hover:text-ink"
      >
        <Icon name="bolt" /> Projects
      </Link>
      <Chats />
      <Foot />
    </div>
  )
}

/** Looks like the field that it opens. */
function SearchButton({ onOpen }: { onOpen: (() => void) | undefined }) {
  return (
    <button
      type="button"
      data-testid="search"
      onClick={() => {
        onOpen?.()
        openPalette()
      }}
      className="-mt-2 flex h-9 items-center gap-2.5 rounded-lg px-3 text-start text-sm text-muted transition-colors hover:bg-line/45 hover:text-ink"
    >
      <Icon name="search" />
      <span className="flex-1">Search</span>
      <kbd className="font-sans text-xs [@media(hover:none)]:hidden">{modifier} K</kbd>
    </button>
  )
}

function ThemeButton() {
  const shown = useSyncExternalStore(theme.subscribe, theme.get)
  const dark = shown === 'dark'
  return (
    <IconButton
      icon={dark ? 'sun' : 'moon'}
      label={dark ? 'Use the light theme' : 'Use the dark theme'}
      onClick={toggleTheme}
    />
  )
}
