import type { ReactNode } from 'react'
import { Button } from './button'
import { Mark } from './mark'

export function Skeleton({ className }: { className: string }) {
  return <div className={`animate-pulse rounded-md bg-line/70 ${className}`} />
}

interface NoticeProps {
  title: string
  children: ReactNode
  action?: ReactNode
}

/** A whole screen's worth of words where content cannot be. */
export function Notice({ title, children, action }: NoticeProps) {
  return (
    <div className="m-auto flex max-w-sm flex-col items-center gap-3 p-8 text-center">
      <Mark className="size-10" />
      <h1 className="mt-2 text-xl font-semibold">{title}</h1>
      <p className="text-muted">{children}</p>
      <div className="mt-2">{action}</div>
    </div>
  )
}

export function RetryNotice({ title, message, onRetry }: { title: string; message: string; onRetry: () => void }) {
  return (
    <div role="alert" className="flex flex-1">
      <Notice
        title={title}
        action={
          <Button kind="primary" icon="again" onClick={onRetry}>
            Try again
          </Button>
        }
      >
        {message}
      </Notice>
    </div>
  )
}

/** Stands within a page, where a part of it could not be loaded. */
export function RetryLine({ message, onRetry }: { message: string; onRetry: () => void }) {
  return (
    <div role="alert" className="flex flex-wrap items-center gap-3 text-sm text-danger">
      {message}
      <Button icon="again" className="text-ink" onClick={onRetry}>
        Try again
      </Button>
    </div>
  )
}
