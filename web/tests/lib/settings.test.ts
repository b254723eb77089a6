import { expect, it } from 'vitest'
import { fitting, settingsFrom } from '@/lib/settings'

const all = { temperature: 0.5, maxTokens: 5000, systemPrompt: 'Be brief.', reasoningEffort: 'low' as const }

it('leaves out what a model would refuse', () => {
  const can = { sampling: false, reasoning: false, maxOutput: 1000, contextWindow: 8000 }
  expect(fitting(all, can)).toEqual({ maxTokens: 1000, systemPrompt: 'Be brief.' })
  expect(fitting(all, undefined)).toEqual(all)
})

it('reads settings that a newer server or another client stored', () => {
  expect(settingsFrom({ ...all, seed: 7, reasoningEffort: 'endless', systemPrompt: null })).toEqual({
    temperature: 0.5,
    maxTokens: 5000,
  })
  expect(settingsFrom(undefined)).toEqual({})
})
