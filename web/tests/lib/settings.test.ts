import { expect, it } from 'vitest'
import { effortsOf, fitting, settingsFrom } from '@/lib/settings'

const all = { temperature: 0.5, maxTokens: 5000, systemPrompt: 'Be brief.', reasoningEffort: 'low' as const }

it('leaves out what a model would refuse', () => {
  const can = {
    sampling: false,
    maxTemperature: 2,
    reasoning: false,
    efforts: null,
    maxOutput: 1000,
    contextWindow: 8000,
  }
  expect(fitting(all, can)).toEqual({ maxTokens: 1000, systemPrompt: 'Be brief.' })
  expect(fitting(all, undefined)).toEqual(all)
  const modest = { ...can, sampling: true, maxTemperature: 1, reasoning: true, efforts: ['none', 'high'] }
  expect(fitting({ temperature: 1.5, reasoningEffort: 'low' }, modest)).toEqual({ temperature: 1 })
})

it('offers what a model can be told of reasoning, and everything where nobody knows', () => {
  expect(effortsOf({ reasoning: true, efforts: ['high', 'none'] })).toEqual(['none', 'high'])
  expect(effortsOf({ reasoning: false, efforts: null })).toEqual([])
  expect(effortsOf({ reasoning: true, efforts: null })).toHaveLength(7)
  expect(effortsOf(undefined)).toHaveLength(7)
})

it('reads settings that a newer server or another client stored', () => {
  expect(settingsFrom({ ...all, seed: 7, reasoningEffort: 'endless', systemPrompt: null })).toEqual({
    temperature: 0.5,
    maxTokens: 5000,
  })
  expect(settingsFrom(undefined)).toEqual({})
})
