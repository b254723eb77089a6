import { QueryClient } from '@tanstack/react-query'
import { ProblemError } from '@/api/errors'

function isWorthRetrying(failures: number, error: Error): boolean {
  const refused = error instanceof ProblemError && error.status < 500
  return !refused && failures < 2
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // Where nothing is reached people are told so, rather than kept waiting until something is.
      queries: { retry: isWorthRetrying, networkMode: 'always', refetchOnReconnect: true },
      mutations: { networkMode: 'always' },
    },
  })
}
