import { type QueryClient, useQuery } from '@tanstack/react-query'
import { type Usage, getUsage } from '@/api/client'

const keys = { all: ['usage'] as const }

/** What is left of the messages of a day. */
export interface Allowance {
  limit: number
  remaining: number
  resetAt: Date
}

export function useUsage() {
  return useQuery({
    queryKey: keys.all,
    queryFn: ({ signal }) => getUsage(signal),
    staleTime: 60_000,
    refetchInterval: ({ state }) => untilReset(allowanceOf(state.data), Date.now()),
  })
}

/** Undefined while it is not known, and where there is no limit. */
export function useAllowance(): Allowance | undefined {
  return allowanceOf(useUsage().data)
}

export function refreshUsage(client: QueryClient): void {
  void client.invalidateQueries({ queryKey: keys.all })
}

export function allowanceOf(usage: Usage | undefined): Allowance | undefined {
  const daily = usage?.limits.find(({ name }) => name === 'daily-messages')
  if (!daily || daily.limit === null || daily.remaining === null || daily.resetAt === null) return undefined
  return { limit: daily.limit, remaining: daily.remaining, resetAt: new Date(daily.resetAt) }
}

/** Who has used something asks again when the day has turned; a second later, as clocks differ. */
export function untilReset(allowance: Allowance | undefined, now: number): number | false {
  if (!allowance || allowance.remaining === allowance.limit) return false
  return Math.max(0, allowance.resetAt.getTime() - now) + 1000
}
