import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { watchVisibility } from '@/lib/visibility'
import { createQueryClient } from '@/queries/client'
import { Conversations, ConversationsContext } from '@/queries/conversations'
import { Boundary } from './boundary'
import { Router } from './router'
import { Shell } from './shell'
import './styles.css'
import { startTheme } from './theme'

startTheme()

const queryClient = createQueryClient()
const conversations = new Conversations(queryClient, watchVisibility(document))
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root.')

createRoot(root).render(
  <StrictMode>
    <Boundary>
      <QueryClientProvider client={queryClient}>
        <ConversationsContext value={conversations}>
          <Shell>
            <Router />
          </Shell>
        </ConversationsContext>
      </QueryClientProvider>
    </Boundary>
  </StrictMode>,
)

// Fetched now, so that the first answer finds its renderer there.
void import('@/ui/markdown')
