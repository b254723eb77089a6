import { useQuery } from '@tanstack/react-query'
import { getTags } from '@/api/filing'

/** The tags of one's chats, as they are when somebody looks. */
export function useTags() {
  return useQuery({ queryKey: ['tags'], queryFn: ({ signal }) => getTags(signal), staleTime: 0 })
}
