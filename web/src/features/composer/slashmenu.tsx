import { Link } from 'wouter'
import { sentence } from '@/api/errors'
import { LateSheet } from '@/ui/fetching'
import { late } from '@/ui/late'
import { Badge } from '@/ui/badge'
import { RetryLine } from '@/ui/placeholder'
import type { Slash } from './slash'

const Filling = late(() => import('./filling'))

const panel =
  'absolute inset-x-0 bottom-full z-10 mb-2 overflow-hidden rounded-2xl border border-line bg-surface shadow-lg'

/** The templates that fit what was typed, above the composer. */
export function SlashMenu({ slash: { id, found, isEmpty, error, retry, active, choose } }: { slash: Slash }) {
  return (
    <>
      {error && (
        <div className={`${panel} px-4 py-3`}>
          <RetryLine message={`Your templates could not be loaded. ${sentence(error)}`} onRetry={retry} />
        </div>
      )}
      {found && (
        <div className={panel}>
          {isEmpty && (
            <p className="px-4 py-3 text-sm text-muted">
              You have no templates yet.{' '}
              <Link href="/settings#templates" className="text-accent underline underline-offset-3">
                Make one in the settings
              </Link>
              .
            </p>
          )}
          <ul id={id} role="listbox" aria-label="Templates" className="scrollbar-thin max-h-72 overflow-y-auto p-1.5">
            {found.map((template, index) => (
              <li
                key={template.id}
                id={`${id}-${index}`}
                role="option"
                aria-selected={index === active}
                ref={(row) => {
                  if (index === active) row?.scrollIntoView({ block: 'nearest' })
                }}
                className="cursor-pointer rounded-xl px-3 py-2 hover:bg-line/45 aria-selected:bg-soft"
                // The focus stays in the message.
                onMouseDown={(event) => {
                  event.preventDefault()
                }}
                onClick={() => {
                  choose(template)
                }}
              >
                <span className="flex items-center gap-2 text-sm font-medium">
                  <span className="truncate">{template.name}</span>
                  {template.isHouse && <Badge>For everybody</Badge>}
                </span>
                <span className="block truncate text-sm text-muted">{template.text}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  )
}

/** Asks for the variables of the one that was chosen; beside the composer, as no form stands in another. */
export function SlashForm({ slash: { filling, finish } }: { slash: Slash }) {
  if (!filling) return null
  return (
    <LateSheet onClose={finish}>
      <Filling template={filling} onFinish={finish} />
    </LateSheet>
  )
}
