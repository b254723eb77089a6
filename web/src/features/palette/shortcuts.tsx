import { useSyncExternalStore } from 'react'
import { chooseSingleKeys, modifier, singleKeys } from '@/lib/keys'
import { Sheet } from '@/ui/sheet'

const groups = [
  {
    title: 'Everywhere',
    keys: [
      { keys: [modifier, 'K'], about: 'Search, and all that can be done' },
      { keys: [modifier, 'Shift', 'O'], about: 'A new chat' },
      { keys: ['?'], about: 'These keys' },
      { keys: ['/'], about: 'To the message' },
    ],
  },
  {
    title: 'In the message',
    keys: [
      { keys: ['Enter'], about: 'Send; while an answer is written, send after it' },
      { keys: ['Shift', 'Enter'], about: 'A new line' },
      { keys: ['/'], about: 'At its beginning: templates' },
    ],
  },
  {
    title: 'In menus and lists',
    keys: [
      { keys: ['↑', '↓'], about: 'From one to the next' },
      { keys: ['Enter'], about: 'Choose' },
      { keys: ['Esc'], about: 'Close, and change nothing' },
    ],
  },
]

export default function Shortcuts({ onClose }: { onClose: () => void }) {
  const single = useSyncExternalStore(singleKeys.subscribe, singleKeys.get)
  return (
    <Sheet title="Keyboard shortcuts" onClose={onClose}>
      <div data-testid="shortcuts" className="flex flex-col gap-5">
        {groups.map(({ title, keys }) => (
          <section key={title}>
            <h3 className="mb-1 text-sm font-medium text-muted">{title}</h3>
            <dl className="divide-y divide-line text-sm">
              {keys.map(({ keys: held, about }) => (
                <div key={about} className="flex items-center justify-between gap-4 py-2">
                  <dt>{about}</dt>
                  <dd className="flex shrink-0 gap-1">
                    {held.map((key) => (
                      <kbd
                        key={key}
                        className="min-w-6 rounded-md border border-line bg-panel px-1.5 py-0.5 text-center font-sans text-xs"
                      >
                        {key}
                      </kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <label className="flex items-center gap-2.5 text-sm">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={single}
            onChange={({ target }) => {
              chooseSingleKeys(target.checked)
            }}
          />
          Use keys that are pressed alone, outside of text
        </label>
      </div>
    </Sheet>
  )
}
