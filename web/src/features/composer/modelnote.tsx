import { sentence } from '@/api/errors'
import { useModels } from '@/queries/models'
import { RetryLine } from '@/ui/placeholder'

/** Says why there is no model to choose. A message can be sent all the same: the server asks its default then. */
export function ModelNote() {
  const { data, error, refetch } = useModels()
  if (data || !error) return null
  return (
    <div className="mt-3 px-4">
      <RetryLine message={`The models could not be loaded. ${sentence(error)}`} onRetry={() => void refetch()} />
    </div>
  )
}
