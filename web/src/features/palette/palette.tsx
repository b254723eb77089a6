import { type KeyboardEvent, useDeferredValue, useEffect, useId, useState } from 'react'
import { useLocation } from 'wouter'
import { sentence } from '@/api/errors'
import { modifier } from '@/lib/keys'
import { useChats } from '@/queries/chats'
import { isWorthFinding, useFound } from '@/queries/search'
import { Dialog } from '@/ui/dialog'
import { Icon } from '@/ui/icon'
import { RetryLine } from '@/ui/placeholder'
import { toggleTheme } from '@/ui/theme'
import { type Command, type Entry, entriesFor, titles } from './entries'
import { Row } from './row'

interface PaletteProps {
  onClose: () => void
  onHelp: () => void
}

/** Goes anywhere and does anything, by typing what. */
export default function Palette({ onClose, onHelp }: PaletteProps) {
  const [text, setText] = useState('')
  const words = text.trim().toLowerCase()
  const found = useFound(useSettled(words))
  const { data: listed } = useChats()
  const [, navigate] = useLocation()
  const [active, setActive] = useState(0)
  const id = useId()
  const go = (page: string): void => {
    onClose()
    navigate(page)
  }
  const entries = useDeferredValue(
    entriesFor(words, {
      commands: commandsFor(go, onClose, onHelp),
      chats: listed?.pages.flatMap(({ items }) => items) ?? [],
      hits: isWorthFinding(words) ? (found.data?.pages.flatMap(({ items }) => items) ?? []) : [],
    }),
  )
  const place = Math.min(active, entries.length - 1)
  const choose = (entry: Entry | undefined): void => {
    if (entry?.kind === 'command') entry.command.run()
    else if (entry?.kind === 'chat') go(`/chats/${entry.chat.id}`)
    else if (entry) go(`/chats/${entry.hit.chatId}?message=${entry.hit.messageId}`)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return
    const count = Math.max(1, entries.length)
    if (event.key === 'ArrowDown') setActive((place + 1) % count)
    else if (event.key === 'ArrowUp') setActive((place - 1 + count) % count)
    else if (event.key === 'Enter') choose(entries[place])
    else return
    event.preventDefault()
    if (event.key === 'ArrowDown' && place > entries.length - 4 && found.hasNextPage) void found.fetchNextPage()
  }
  return (
    <Dialog
      label="Search and commands"
      onClose={onClose}
      className="mx-auto mt-[10dvh] mb-auto max-h-[75dvh] w-[min(40rem,calc(100%-1.5rem))] max-w-none overflow-hidden rounded-2xl border border-line bg-surface shadow-xl"
    >
      <div className="flex max-h-[75dvh] flex-col" data-testid="palette">
        <div className="flex items-center gap-3 border-b border-line px-4">
          <Icon name="search" className="size-4.5 text-muted" />
          <input
            role="combobox"
            aria-label="Search and commands"
            aria-expanded={entries.length > 0}
            aria-controls={id}
            aria-autocomplete="list"
            aria-activedescendant={entries[place] && `${id}-${place}`}
            data-testid="palette-input"
            placeholder="Search messages, chats and commands"
            autoComplete="off"
            spellCheck={false}
            maxLength={200}
            value={text}
            onChange={({ target }) => {
              setText(target.value)
              setActive(0)
            }}
            onKeyDown={onKeyDown}
            className="h-13 min-w-0 flex-1 bg-transparent outline-none"
          />
          {found.isFetching && (
            <span className="size-4 animate-spin rounded-full border-2 border-line border-t-accent" />
          )}
        </div>
        <ul id={id} role="listbox" aria-label="Found" className="scrollbar-thin min-h-0 overflow-y-auto p-2">
          {entries.map((entry, index) => (
            <Row
              key={entry.id}
              id={`${id}-${index}`}
              entry={entry}
              heading={entry.kind === entries[index - 1]?.kind ? undefined : titles[entry.kind]}
              active={index === place}
              onChoose={() => {
                choose(entry)
              }}
            />
          ))}
        </ul>
        {found.error && (
          <div className="px-5 py-3">
            <RetryLine message={sentence(found.error)} onRetry={() => void found.refetch()} />
          </div>
        )}
        <p role="status" className="px-5 pb-3 text-sm text-muted empty:hidden">
          {entries.length === 0 && !found.error && !found.isFetching ? 'Nothing is found.' : ''}
        </p>
      </div>
    </Dialog>
  )
}

function commandsFor(go: (page: string) => void, onClose: () => void, onHelp: () => void): Command[] {
  const to = (page: string) => () => {
    go(page)
  }
  return [
    { name: 'New chat', icon: 'plus', keys: `${modifier} Shift O`, run: to('/') },
    { name: 'Settings', icon: 'settings', run: to('/settings') },
    { name: 'Templates', icon: 'text', run: to('/settings#templates') },
    {
      name: 'Change between light and dark',
      icon: 'moon',
      run: () => {
        toggleTheme()
        onClose()
      },
    },
    { name: 'Keyboard shortcuts', icon: 'keyboard', keys: '?', run: onHelp },
  ]
}

/** The words once somebody has stopped typing for a moment. */
function useSettled(words: string): string {
  const [settled, setSettled] = useState(words)
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(words)
    }, 150)
    return () => {
      clearTimeout(timer)
    }
  }, [words])
  return settled
}
