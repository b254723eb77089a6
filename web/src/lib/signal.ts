/** A value outside React that can be watched; made for `useSyncExternalStore`. */
export class Signal<T> {
  private readonly listeners = new Set<() => void>()
  private value: T

  constructor(value: T) {
    this.value = value
  }

  readonly get = (): T => this.value

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  set(value: T): void {
    if (Object.is(value, this.value)) return
    this.value = value
    for (const listener of [...this.listeners]) listener()
  }
}

/** Resolves as soon as the signal satisfies the test, or rejects when aborted. */
export function until<T>(signal: Signal<T>, test: (value: T) => boolean, abort?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = signal.subscribe(check)
    abort?.addEventListener('abort', cancel)
    check()
    if (abort?.aborted) cancel()

    function check(): void {
      if (test(signal.get())) finish(resolve)
    }
    function cancel(): void {
      finish(() => {
        reject(new DOMException('No longer awaited.', 'AbortError'))
      })
    }
    function finish(settle: () => void): void {
      stop()
      abort?.removeEventListener('abort', cancel)
      settle()
    }
  })
}
