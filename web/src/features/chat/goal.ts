import { useEffect } from 'react'
import { useSearch } from 'wouter'
import type { Conversation } from '@/queries/conversation'
import { reach } from '@/queries/goal'

/** Shows the message that the address names, once the chat is there. */
export function useGoal(conversation: Conversation, isLoaded: boolean, visit: (message: Element) => void): void {
  const goal = new URLSearchParams(useSearch()).get('message')
  useEffect(() => {
    if (!isLoaded || goal === null) return
    const leaving = new AbortController()
    const show = (found: boolean): void => {
      // The page has it after the next frame.
      if (found && !leaving.signal.aborted)
        requestAnimationFrame(() => {
          requestAnimationFrame(() => {
            visitIt(goal, visit)
          })
        })
    }
    // A message that cannot be reached is not shown; the chat is there all the same.
    reach(conversation, goal, leaving.signal).then(show, () => undefined)
    return () => {
      leaving.abort()
    }
  }, [conversation, isLoaded, goal, visit])
}

function visitIt(messageId: string, visit: (message: Element) => void): void {
  const message = document.querySelector<HTMLElement>(`[data-message-id="${CSS.escape(messageId)}"]`)
  if (!message) return
  for (const other of document.querySelectorAll('[data-found]')) other.removeAttribute('data-found')
  message.dataset['found'] = ''
  message.tabIndex = -1
  message.focus({ preventScroll: true })
  visit(message)
}
