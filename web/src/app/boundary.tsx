import { Component, type ReactNode } from 'react'
import { Button } from '@/ui/button'
import { Unfetched, renewFailed } from '@/ui/late'
import { Notice } from '@/ui/placeholder'

/** Where errors of our own code end up; React itself has logged them by then. */
export class Boundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false }

  static getDerivedStateFromError() {
    return { broken: true }
  }

  override render() {
    if (!this.state.broken) return this.props.children
    return (
      <div className="flex h-dvh">
        <Notice
          title="Something went wrong"
          action={
            <Button
              kind="primary"
              icon="again"
              onClick={() => {
                location.reload()
              }}
            >
              Reload the page
            </Button>
          }
        >
          Your chats are safe on the server, and an answer that is being written goes on there.
        </Notice>
      </div>
    )
  }
}

interface FetchBoundaryProps {
  /** The address: another page is not broken by this one. */
  page: string
  fallback: (onRetry: () => void) => ReactNode
  children: ReactNode
}

interface FetchState {
  page: string
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
