import { useEffect } from 'react'
import { useSearch } from 'wouter'
import { sentence } from '@/api/errors'
import type { Conversation } from '@/queries/conversation'
import { reach } from '@/queries/goal'

/** So many frames are waited for until the page has a message that is known; it takes two, and more when it is busy. */
const mostFrames = 60

/** Shows the message that the address names, once the chat is there. */
export function useGoal(conversation: Conversation, isLoaded: boolean, visit: (message: Element) => void): void {
  const goal = new URLSearchParams(useSearch()).get('message')
  useEffect(() => {
    if (!isLoaded) return
    if (goal === null) {
      conversation.returnToEnd()
      return
    }
    const leaving = new AbortController()
    reach(conversation, goal, leaving.signal).then(
      () => {
        whenShown(goal, leaving.signal, visit)
      },
      // The chat is there all the same.
      (error: unknown) => {
        if (!leaving.signal.aborted) conversation.complain(sentence(error))
      },
    )
    return () => {
      leaving.abort()
    }
  }, [conversation, isLoaded, goal, visit])
}

function whenShown(messageId: string, leaving: AbortSignal, visit: (message: Element) => void, frame = 0): void {
  requestAnimationFrame(() => {
    const message = document.querySelector<HTMLElement>(`[data-message-id="${CSS.escape(messageId)}"]`)
    if (leaving.aborted || frame > mostFrames) return
    // What is new on the page has its place after one frame more.
    if (message && frame > 0) mark(message, visit)
    else whenShown(messageId, leaving, visit, frame + 1)
  })
}

function mark(message: HTMLElement, visit: (message: Element) => void): void {
  for (const other of document.querySelectorAll('[data-found]')) other.removeAttribute('data-found')
  message.dataset['found'] = ''
  message.tabIndex = -1
  message.focus({ preventScroll: true })
  visit(message)
}
