/** A web stream over a generator; cancelling the stream or aborting the given signal aborts the generator's. */
export function toStream<T>(
  generate: (signal: AbortSignal) => AsyncGenerator<T, void>,
  outer?: AbortSignal,
): ReadableStream<T> {
  const inner = new AbortController()
  const signal = outer ? AbortSignal.any([outer, inner.signal]) : inner.signal
  const values = generate(signal)
  return new ReadableStream<T>({
    async pull(controller) {
      const { done, value } = await values.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel() {
      inner.abort()
    },
  })
}
