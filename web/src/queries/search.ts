import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { searchMessages } from '@/api/search'

/** What is found for a single letter is of no use to anybody; a single sign of other scripts is a word. */
export function isWorthFinding(words: string): boolean {
  return words.length >= 2 || /[^\p{ASCII}\p{Script=Latin}]/u.test(words)
}

/** Messages with these words, latest first. */
export function useFound(words: string) {
  return useInfiniteQuery({
    queryKey: ['search', words],
    queryFn: ({ pageParam, signal }) => searchMessages(words, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    enabled: isWorthFinding(words),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  })
}
