import { Component, type ReactNode, Suspense, useEffect } from 'react'
import { Unfetched, renewFailed } from './late'
import { RetryLine } from './placeholder'
import { Sheet } from './sheet'

interface FetchBoundaryProps {
  /** The address, around pages: another is not broken by this one. */
  page?: string
  fallback: (onRetry: () => void) => ReactNode
  children: ReactNode
}

interface FetchState {
  page: string | undefined
  error: Error | undefined
}

/** Where a part of the app ends up whose script could not be fetched; what is around it stays. */
export class FetchBoundary extends Component<FetchBoundaryProps, FetchState> {
  override state: FetchState = { page: this.props.page, error: undefined }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  static getDerivedStateFromProps({ page }: FetchBoundaryProps, state: FetchState) {
    return page === state.page ? null : { page, error: undefined }
  }

  override render() {
    const { error } = this.state
    if (error === undefined) return this.props.children
    if (!(error instanceof Unfetched)) throw error
    return this.props.fallback(this.retry)
  }

  private readonly retry = (): void => {
    renewFailed()
    this.setState({ error: undefined })
  }
}

/** Until it is tried again by itself. */
const pause = 10_000

/** Around what is `late` and can be shown in another way until it is there, however often it has to be fetched. */
export function Gradual({ meanwhile, children }: { meanwhile: ReactNode; children: ReactNode }) {
  return (
    <FetchBoundary fallback={(onRetry) => <Waiting onEnd={onRetry}>{meanwhile}</Waiting>}>
      <Suspense fallback={meanwhile}>{children}</Suspense>
    </FetchBoundary>
  )
}

function Waiting({ onEnd, children }: { onEnd: () => void; children: ReactNode }) {
  useEffect(() => {
    const timer = setTimeout(onEnd, pause)
    return () => {
      clearTimeout(timer)
    }
  }, [onEnd])
  return children
}

/** Around a sheet that is `late`: where it cannot be fetched another says so, and the page below stays as it is. */
export function LateSheet({ onClose, children }: { onClose: () => void; children: ReactNode }) {
  return (
    <FetchBoundary
      fallback={(onRetry) => (
        <Sheet title="This could not be loaded" onClose={onClose}>
          <RetryLine message="The server could not be reached." onRetry={onRetry} />
        </Sheet>
      )}
    >
      <Suspense>{children}</Suspense>
    </FetchBoundary>
  )
}
