import { type ReactNode, useId } from 'react'
import { Button } from './button'
import { Dialog } from './dialog'

interface ConfirmProps {
  title: string
  children: ReactNode
  error: string | undefined
  busy: boolean
  /** What the buttons do. */
  confirm: string
  keep: string
  /** Whether it may be done yet. */
  ready?: boolean
  testId?: string
  onConfirm: () => void
  onClose: () => void
}

/** Asks before something is done that cannot be undone. */
export function Confirm({ title, children, error, busy, ready = true, testId, ...rest }: ConfirmProps) {
  const { confirm, keep, onConfirm, onClose } = rest
  const heading = useId()
  return (
    <Dialog
      label={title}
      onClose={onClose}
      className="m-auto w-[min(26rem,calc(100%-2rem))] rounded-2xl border border-line bg-surface p-6 shadow-xl"
    >
      <form
        aria-labelledby={heading}
        onSubmit={(event) => {
          event.preventDefault()
          if (ready && !busy) onConfirm()
        }}
      >
        <h2 id={heading} className="text-lg font-semibold">
          {title}
        </h2>
        <div className="mt-2 text-sm break-words text-muted">{children}</div>
        {error !== undefined && (
          <p role="alert" className="mt-3 text-sm text-danger">
            {error}
          </p>
        )}
        <div className="mt-6 flex justify-end gap-2">
          <Button onClick={onClose}>{keep}</Button>
          <Button kind="danger" type="submit" data-testid={testId} disabled={busy || !ready}>
            {confirm}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
