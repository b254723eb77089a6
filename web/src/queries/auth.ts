/** Ways in and out. Each begins another visit. */
import { useMutation } from '@tanstack/react-query'
import { type Me, becomeGuest, beginElsewhere, deleteMe, signIn, signOut, signUp } from '@/api/client'
import { useVisits } from './visit'

/** What to do once the next visit has begun, in the same turn: go somewhere. */
type Then = () => void

function useEntrance<Body>(enter: (body: Body) => Promise<Me>, then: Then) {
  const visits = useVisits()
  return useMutation({
    mutationFn: enter,
    onSuccess: (me) => {
      visits.enter(me)
      then()
    },
  })
}

function useExit<Body>(leave: (body: Body) => Promise<void>, then: Then) {
  const visits = useVisits()
  return useMutation({
    mutationFn: leave,
    onSuccess: () => {
      visits.leave()
      then()
    },
  })
}

export function useSignIn(then: Then) {
  return useEntrance(signIn, then)
}

export function useSignUp(then: Then) {
  return useEntrance(signUp, then)
}

export function useBecomeGuest(then: Then) {
  return useEntrance<undefined>(() => becomeGuest(), then)
}

export function useSignOut(then: Then) {
  return useExit<undefined>(() => signOut(), then)
}

export function useDeleteMe(then: Then) {
  return useExit(deleteMe, then)
}

/** Leaves for the other place to sign in, and comes back to `next`. */
export function useElsewhere(next: string) {
  return useMutation({
    mutationFn: () => beginElsewhere(next),
    onSuccess: (url) => {
      location.assign(url)
    },
  })
}
