import './validators'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { watchVisibility } from '@/lib/visibility'
import { Visits } from '@/queries/visit'
import { startTheme } from '@/ui/theme'
import { Boundary } from './boundary'
import { Root } from './root'
import './styles.css'

startTheme()

const visits = new Visits(watchVisibility(document))
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root.')

addEventListener('pagehide', () => {
  visits.current.get().conversations.keepUnsent()
})

createRoot(root).render(
  <StrictMode>
    <Boundary>
      <Root visits={visits} />
    </Boundary>
  </StrictMode>,
)

// Fetched now, so that the first answer finds its renderer there.
void import('@/ui/markdown')
