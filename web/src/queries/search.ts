import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { searchMessages } from '@/api/search'

/** What is found for fewer letters is of no use to anybody. */
export const fewest = 2

/** Messages with these words, latest first. */
export function useFound(words: string) {
  return useInfiniteQuery({
    queryKey: ['search', words],
    queryFn: ({ pageParam, signal }) => searchMessages(words, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    enabled: words.length >= fewest,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  })
}
