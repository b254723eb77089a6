import { Icon } from '@/ui/icon'

export function SendButton({ busy, ready, sending }: { busy: boolean; ready: boolean; sending: boolean }) {
  const label = busy ? 'Send after this answer' : 'Send'
  return (
    <button
      type="submit"
      data-testid="composer-send"
      aria-label={label}
      title={label}
      disabled={!ready}
      className="inline-flex size-9 shrink-0 items-center justify-center rounded-full bg-accent text-on-accent transition-colors hover:bg-accent-strong disabled:bg-line disabled:text-muted"
    >
      {sending ? <Spinner /> : <Icon name={busy ? 'queue' : 'up'} className="size-4.5" />}
    </button>
  )
}

export function InterruptButton({ onClick }: { onClick: () => void }) {
  return (
    <button
      type="button"
      data-testid="composer-interrupt"
      aria-label="Stop the answer and send"
      title="Stop the answer and send"
      onClick={onClick}
      className="inline-flex size-9 shrink-0 items-center justify-center rounded-full border border-line text-muted transition-colors hover:border-accent hover:text-accent"
    >
      <Icon name="bolt" />
    </button>
  )
}

export function StopButton({ stopping, onStop }: { stopping: boolean; onStop: () => void }) {
  return (
    <button
      type="button"
      data-testid="composer-stop"
      disabled={stopping}
      onClick={onStop}
      className="inline-flex h-9 items-center gap-2 rounded-full bg-ink px-3.5 text-sm font-medium text-page hover:opacity-85 disabled:opacity-50"
    >
      <span className="size-2.5 rounded-xs bg-current" aria-hidden="true" />
      {stopping ? 'Stopping…' : 'Stop'}
    </button>
  )
}

export function Count({ length, limit }: { length: number; limit: number }) {
  const over = length - limit
  return (
    <span
      id="composer-count"
      role={over > 0 ? 'alert' : undefined}
      className={`text-xs tabular-nums ${over > 0 ? 'font-medium text-danger' : 'text-muted'}`}
    >
      {over > 0
        ? `${over.toLocaleString()} ${over === 1 ? 'character' : 'characters'} too many`
        : `${length.toLocaleString()} / ${limit.toLocaleString()}`}
    </span>
  )
}

function Spinner() {
  return <span className="size-4 animate-spin rounded-full border-2 border-current border-t-transparent" />
}
