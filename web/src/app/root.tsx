import { QueryClientProvider } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { ConversationsContext } from '@/queries/conversations'
import { type Visits, VisitsContext } from '@/queries/visit'
import { Router } from './router'
import { Shell } from './shell'

/** The app as whoever uses it has it; for the next one it is built anew. */
export function Root({ visits }: { visits: Visits }) {
  const visit = useSyncExternalStore(visits.current.subscribe, visits.current.get)
  return (
    <VisitsContext value={visits}>
      <QueryClientProvider key={visit.number} client={visit.client}>
        <ConversationsContext value={visit.conversations}>
          <Shell>
            <Router />
          </Shell>
        </ConversationsContext>
      </QueryClientProvider>
    </VisitsContext>
  )
}
