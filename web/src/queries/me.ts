import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type Me, changePassword, getMe, updateMe } from '@/api/client'
import { refreshSessions } from './sessions'

export const keys = { all: ['me'] as const }

/** While it is not known what the server takes, its default. */
const usualLimit = 10_000

/** Who uses this tab. That changes with the visit alone, which begins with nothing fetched. */
export function useMe() {
  return useQuery({ queryKey: keys.all, queryFn: ({ signal }) => getMe(signal), staleTime: Infinity })
}

/** Characters of the longest message. */
export function useMessageLimit(): number {
  return useMe().data?.limits.maxMessageChars ?? usualLimit
}

export function useUpdateMe() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: updateMe,
    onSuccess: (me) => client.setQueryData(keys.all, me),
  })
}

export function useChangePassword() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: changePassword,
    onSuccess: () => {
      client.setQueryData<Me>(keys.all, (me) => me && { ...me, hasPassword: true })
      refreshSessions(client)
    },
  })
}

/** How to call somebody, and what to add to it. */
export function titleOf(me: Me): { name: string; about: string | undefined } {
  if (me.kind === 'guest') return { name: me.name ?? 'Guest', about: me.name === null ? undefined : 'Guest' }
  if (!me.isSignedIn) return { name: 'Not signed in', about: me.kind === 'owner' ? 'Owner of this server' : undefined }
  if (me.name === null) return { name: me.email ?? 'Account', about: me.kind === 'owner' ? 'Owner' : undefined }
  return { name: me.name, about: me.email ?? undefined }
}
