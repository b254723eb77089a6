import { expect, it } from 'vitest'
import { reasonIn } from '@/features/auth/words'

it('says why signing in elsewhere failed, and shows nothing of the address itself (D1)', () => {
  expect(reasonIn('')).toBeUndefined()
  expect(reasonIn('?error=oidc_refused')).toContain('did not confirm')
  const others = ['<b>Call 555-0100</b>', 'constructor', '__proto__', '']
  for (const code of others) {
    expect(reasonIn(`?error=${encodeURIComponent(code)}`)).toBe('You could not be signed in. Please try again.')
  }
})
