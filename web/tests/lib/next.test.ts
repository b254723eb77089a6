import { expect, it } from 'vitest'
import { entranceFrom, isEntrance, nextOf } from '@/lib/next'

it('goes back to pages of ours alone (D1)', () => {
  expect(nextOf('?next=%2Fchats%2Fabc%3Fa%3D1')).toBe('/chats/abc?a=1')
  const elsewhere = [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '/a b',
    '/\t/x',
    '',
  ]
  for (const address of elsewhere) expect(nextOf(`?next=${encodeURIComponent(address)}`)).toBe('/')
  expect(nextOf('')).toBe('/')
})

it('never goes back to an entrance', () => {
  expect(nextOf('?next=/sign-in')).toBe('/')
  expect(nextOf('?next=%2Fsign-up%3Fnext%3D%2Fsign-in')).toBe('/')
  expect(isEntrance('/sign-in?error=x')).toBe(true)
  expect(isEntrance('/settings')).toBe(false)
})

it('keeps where one came from on the way between entrances', () => {
  expect(entranceFrom('/sign-in', '/', '')).toBe('/sign-in')
  expect(entranceFrom('/sign-in', '/chats/abc', '?x=1')).toBe('/sign-in?next=%2Fchats%2Fabc')
  expect(entranceFrom('/sign-up', '/sign-in', '?next=%2Fchats%2Fabc')).toBe('/sign-up?next=%2Fchats%2Fabc')
})
