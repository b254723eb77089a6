import { Icon } from '@/ui/icon'
import { type Entry, type Folder, treeOf } from './entries'
import { type Mark, markWords } from './words'

interface TreeProps {
  entries: readonly Entry[]
  current: string | undefined
  onPick: (path: string) => void
}

/** Files by folder, with what became of each. */
export function FileTree({ entries, ...picking }: TreeProps) {
  return <Branch folder={treeOf(entries)} {...picking} />
}

function Branch({ folder, current, onPick }: Omit<TreeProps, 'entries'> & { folder: Folder }) {
  return (
    <ul className="flex flex-col">
      {folder.folders.map((inner) => (
        <li key={inner.path}>
          <details open>
            <summary className="rounded-md px-2 py-1 text-sm text-muted hover:bg-line/45">{inner.name}</summary>
            <div className="ps-3">
              <Branch folder={inner} current={current} onPick={onPick} />
            </div>
          </details>
        </li>
      ))}
      {folder.files.map((entry) => (
        <li key={entry.path}>
          <Leaf
            entry={entry}
            current={entry.path === current}
            onPick={() => {
              onPick(entry.path)
            }}
          />
        </li>
      ))}
    </ul>
  )
}

const looks: Record<Mark, string> = { A: 'text-accent', M: 'text-warn', D: 'text-danger', R: 'text-warn' }

function Leaf({ entry, current, onPick }: { entry: Entry; current: boolean; onPick: () => void }) {
  const { path, mark, writing, live } = entry
  return (
    <button
      type="button"
      data-testid="file"
      data-path={path}
      data-state={writing ? 'writing' : (mark ?? 'kept')}
      aria-current={current ? 'true' : undefined}
      onClick={onPick}
      className={`flex w-full items-center gap-2 rounded-md px-2 py-1 text-start text-sm ${current ? 'bg-line/70' : 'hover:bg-line/45'}`}
    >
      <span className={`min-w-0 flex-1 truncate ${mark === 'D' ? 'text-muted line-through' : ''}`}>
        {path.slice(path.lastIndexOf('/') + 1)}
      </span>
      {writing && (
        <span
          role="img"
          aria-label="being written"
          className="size-3 animate-spin rounded-full border-2 border-accent border-t-transparent"
        />
      )}
      {live && !writing && <Icon name="check" className="size-3.5 text-accent" />}
      {mark && (
        <span className={`font-mono text-xs font-semibold ${looks[mark]}`}>
          <span aria-hidden="true">{mark}</span>
          <span className="sr-only">{markWords[mark]}</span>
        </span>
      )}
    </button>
  )
}
