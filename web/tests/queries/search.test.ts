import { expect, it } from 'vitest'
import { isWorthFinding } from '@/queries/search'

it('looks for two letters, and for one sign that is a word', () => {
  expect(['', 'e', 'é', '7', 'ab', '擎', '가'].filter(isWorthFinding)).toEqual(['ab', '擎', '가'])
})
