/** Resolves after so many milliseconds, or rejects when aborted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', cancel)
    function done(): void {
      signal.removeEventListener('abort', cancel)
      resolve()
    }
    function cancel(): void {
      clearTimeout(timer)
      reject(new DOMException('No longer awaited.', 'AbortError'))
    }
  })
}
