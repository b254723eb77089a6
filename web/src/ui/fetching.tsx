import { Component, type ReactNode, Suspense } from 'react'
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
    return this.props.fallback(() => {
      renewFailed()
      this.setState({ error: undefined })
    })
  }
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
