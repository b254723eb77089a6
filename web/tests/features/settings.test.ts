import { expect, it } from 'vitest'
import type { Model } from '@/api/client'
import { type Provider, abilitiesOf, keyOf, matching, priceOf } from '@/features/settings/catalogue'
import { deviceOf } from '@/features/settings/device'
import { paceOf } from '@/features/settings/pace'
import { expiryOf, scopeOf, scopesOf } from '@/features/settings/scopes'

it.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', 'Firefox on Linux'],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0',
    'Edge on Windows',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15',
    'Safari on macOS',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0 Mobile/15E148 Safari/604.1',
    'Chrome on iPhone',
  ],
  [
    'Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537.36',
    'Chrome on Android',
  ],
  ['python-httpx/0.28.1', 'python-httpx'],
  ['', 'Unknown device'],
])('calls a browser by the name that its user knows: %s', (userAgent, name) => {
  expect(deviceOf(userAgent)).toBe(name)
})

it('says how fast one may go (D5)', () => {
  const limit = { name: 'chat', limit: 5, used: 0, remaining: 5, windowSeconds: 60, resetAt: null } as const
  expect(paceOf(limit)?.pace).toBe('5 a minute')
  expect(paceOf({ ...limit, windowSeconds: 90 })?.pace).toBe('5 in 90 seconds')
  expect(paceOf({ ...limit, windowSeconds: 600 })?.pace).toBe('5 in 10 minutes')
  expect(paceOf({ ...limit, limit: null })).toBeUndefined()
  expect(paceOf({ ...limit, name: 'daily-messages' })).toBeUndefined()
})

it('makes tokens that end when it was said (D1)', () => {
  expect(expiryOf('30', new Date('2026-11-20T12:00:00Z'))).toBe('2026-12-20T12:00:00.000Z')
  expect(expiryOf('never', new Date())).toBeNull()
  expect([scopesOf('read'), scopesOf('chat')]).toEqual([['read'], ['chat']])
  expect(scopeOf(['read', 'chat'])).toBe('reads and writes')
})

const model: Model = {
  id: 'openai/gpt-large',
  name: 'GPT Large',
  provider: 'openai',
  available: true,
  isDemo: false,
  sees: true,
  capabilities: {
    contextWindow: 1_048_576,
    maxOutput: 128_000,
    reasoning: true,
    images: true,
    tools: false,
    sampling: true,
    maxTemperature: 2,
    efforts: null,
  },
  price: { input: 1.25, output: 0.075 },
}
const provider: Provider = { id: 'openai', name: 'OpenAI', keySource: 'own', needsKey: true, models: [model] }

it('says what a model can do and costs, and nothing of one that nobody has described (F9)', () => {
  expect(abilitiesOf(model)).toEqual(['1M tokens of context', '128K of answer', 'Reasons', 'Sees pictures'])
  expect(priceOf(model)).toBe('$1.25 in, $0.075 out')
  const unknown = { ...model, capabilities: { ...model.capabilities, images: false }, price: null }
  expect(abilitiesOf(unknown)).toEqual(['Its abilities are not known'])
  expect(priceOf(unknown)).toBeUndefined()
})

it('says whose key a provider is asked with (F9)', () => {
  expect(keyOf(provider)).toBe('Your key')
  expect(keyOf({ ...provider, keySource: 'house' })).toBe('This server’s key')
  expect(keyOf({ ...provider, keySource: null })).toBe('No key')
  expect(keyOf({ ...provider, keySource: null, needsKey: false })).toBeUndefined()
})

it('finds models by any words of their names, ids and providers (F9)', () => {
  const small = { ...model, id: 'openai/gpt-small', name: 'GPT Small' }
  const others: Provider = {
    ...provider,
    id: 'demo',
    name: 'Demo',
    models: [{ ...model, id: 'demo/tour', name: 'Tour' }],
  }
  const providers = [{ ...provider, models: [model, small] }, others]
  const found = (query: string) => matching(providers, query).flatMap(({ models }) => models.map(({ id }) => id))
  expect(found('')).toEqual(['openai/gpt-large', 'openai/gpt-small', 'demo/tour'])
  expect(found('SMALL openai')).toEqual(['openai/gpt-small'])
  expect(found('demo')).toEqual(['demo/tour'])
  expect(matching(providers, 'none of them')).toEqual([])
})
