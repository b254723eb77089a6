import { Component, type ReactNode } from 'react'
import { Button } from '@/ui/button'
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
