import { type AriaAttributes, type KeyboardEvent, useId, useState } from 'react'
import type { Template } from '@/api/templates'
import { matching, slashQuery } from '@/lib/templates'
import { useTemplates } from '@/queries/templates'

export interface Slash {
  id: string
  /** Undefined while there is nothing to choose from. */
  found: Template[] | undefined
  /** There are no templates at all yet. */
  isEmpty: boolean
  /** Why there is nothing to choose from, where something went wrong. */
  error: Error | undefined
  retry: () => void
  active: number
  /** The template whose variables are asked for. */
  filling: Template | undefined
  aria: AriaAttributes
  begin: () => void
  choose: (template: Template) => void
  finish: (text?: string) => void
  /** Says whether the key was meant for the menu. */
  onKeyDown: (event: KeyboardEvent) => boolean
}

/** What a slash at the beginning of a message offers. */
export function useSlash(text: string, setText: (text: string) => void): Slash {
  const query = slashQuery(text)
  const { data: templates, error, refetch } = useTemplates(query !== undefined)
  const [place, setPlace] = useState({ query, active: 0 })
  const [left, setLeft] = useState<string>()
  const [filling, setFilling] = useState<Template>()
  const id = useId()
  const isOpen = query !== undefined && templates !== undefined && left !== text
  const matched = isOpen ? matching(templates, query) : []
  const isEmpty = isOpen && query === '' && templates.length === 0
  const found = matched.length > 0 || isEmpty ? matched : undefined
  const active = place.query === query ? Math.min(place.active, matched.length - 1) : 0

  const choose = (template: Template): void => {
    if (template.variables.length > 0) setFilling(template)
    else setText(template.text)
  }
  const acts: Record<string, () => void> = {
    ArrowDown: () => {
      setPlace({ query, active: (active + 1) % matched.length })
    },
    ArrowUp: () => {
      setPlace({ query, active: (active - 1 + matched.length) % matched.length })
    },
    Enter: () => {
      const template = matched[active]
      if (template) choose(template)
    },
    Escape: () => {
      setLeft(text)
    },
  }
  acts['Tab'] = acts['Enter'] as () => void
  return {
    id,
    found,
    isEmpty,
    // Behind more than a slash stands what somebody wants to say.
    error: query === '' && !templates && error ? error : undefined,
    retry: () => void refetch(),
    active,
    filling,
    aria: found ? { 'aria-autocomplete': 'list', 'aria-controls': id, 'aria-activedescendant': `${id}-${active}` } : {},
    begin: () => {
      setLeft(undefined)
      setText('/')
    },
    choose,
    finish: (made) => {
      setFilling(undefined)
      if (made !== undefined) setText(made)
    },
    onKeyDown: (event) => {
      const act = found && !event.shiftKey && !event.nativeEvent.isComposing ? acts[event.key] : undefined
      if (!act || (matched.length === 0 && event.key !== 'Escape')) return false
      event.preventDefault()
      act()
      return true
    },
  }
}
