import { useState } from 'react'
import { LateSheet } from '@/ui/fetching'
import { late } from '@/ui/late'
import { Badge } from '@/ui/badge'
import { IconButton } from '@/ui/button'

const ShareSheet = late(() => import('../sharing/share'))

interface HeaderProps {
  chatId: string
  /** Undefined while it is not known. */
  title: string | undefined
  isDemo: boolean
  /** It is not kept, and so cannot be shared. */
  temporary: boolean
}

export function Header({ chatId, title, isDemo, temporary }: HeaderProps) {
  const [sharing, setSharing] = useState(false)
  const close = (): void => {
    setSharing(false)
  }
  return (
    <>
      {/* On a phone the name of the product stands there instead, and the title is only for the ear. */}
      <header className="sr-only h-14 shrink-0 items-center gap-3 border-b border-line md:not-sr-only md:flex md:h-14 md:px-6">
        <h1 className="min-w-0 truncate text-sm font-medium">{title ?? ''}</h1>
        {isDemo && <Badge>Demo</Badge>}
        {title !== undefined && !temporary && (
          <IconButton
            icon="share"
            label="Share this chat"
            data-testid="share-open"
            className="ms-auto max-md:hidden"
            onClick={() => {
              setSharing(true)
            }}
          />
        )}
      </header>
      {sharing && (
        <LateSheet onClose={close}>
          <ShareSheet chatId={chatId} onClose={close} />
        </LateSheet>
      )}
    </>
  )
}
