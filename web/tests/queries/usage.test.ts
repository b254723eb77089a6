import { expect, it } from 'vitest'
import type { Usage } from '@/api/client'
import { remark } from '@/features/usage/words'
import { allowanceOf, untilReset } from '@/queries/usage'

const midnight = '2026-11-21T00:00:00Z'
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })

function usage(limit: number | null, used: number): Usage {
  const daily =
    limit === null
      ? { limit: null, used: null, remaining: null, windowSeconds: null, resetAt: null }
      : { limit, used, remaining: limit - used, windowSeconds: 86_400, resetAt: midnight }
  return {
    kind: 'guest',
    limits: [
      { name: 'chat', ...daily, limit: 1 },
      { name: 'daily-messages', ...daily },
    ],
  }
}

function said(limit: number | null, used: number): string | undefined {
  const allowance = allowanceOf(usage(limit, used))
  return allowance && remark(allowance, clock)
}

it('says what is left and when there is more, once there is little (D6)', () => {
  expect(said(50, 40)).toBeUndefined()
  expect(said(50, 41)).toBe('9 of 50 messages left today. New ones at 00:00.')
  expect(said(5, 0)).toBe('5 of 5 messages left today. New ones at 00:00.')
  expect(said(3, 3)).toBe('No messages left today. New ones at 00:00.')
  expect(said(0, 0)).toBe('Sign in with an account to send messages.')
})

it('says nothing where there is no limit (D4)', () => {
  expect(said(null, 0)).toBeUndefined()
  expect(allowanceOf(undefined)).toBeUndefined()
})

it('asks again when the day has turned', () => {
  const now = Date.parse(midnight) - 5000
  expect(untilReset(allowanceOf(usage(3, 1)), now)).toBe(6000)
  expect(untilReset(allowanceOf(usage(3, 1)), now + 60_000)).toBe(1000)
  expect(untilReset(allowanceOf(usage(3, 0)), now)).toBe(false)
  expect(untilReset(undefined, now)).toBe(false)
})
