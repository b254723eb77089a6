import { expect, it } from 'vitest'
import { draftedFrom, variablesFrom } from '@/features/settings/variables'

it('sends the variables that stand in the text, as they were typed', () => {
  const drafted = {
    tone: { kind: 'choice' as const, usual: 'Kind', choices: 'Kind\n\n Strict \nKind' },
    gone: { kind: 'number' as const, usual: '1', choices: '' },
  }
  expect(variablesFrom(['topic', 'tone'], drafted)).toEqual([
    { name: 'topic', kind: 'text', default: null, choices: [] },
    { name: 'tone', kind: 'choice', default: 'Kind', choices: ['Kind', 'Strict'] },
  ])
  expect(draftedFrom(variablesFrom(['tone'], drafted))).toEqual({
    tone: { kind: 'choice', usual: 'Kind', choices: 'Kind\nStrict' },
  })
})
