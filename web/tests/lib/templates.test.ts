import { expect, it } from 'vitest'
import { filled, matching, placesOf, slashQuery } from '@/lib/templates'

it('finds the places of a text once each, in their order', () => {
  expect(placesOf('{{ b }} {{a}} {{b}} {{größe}} {{1no}} { {no} } {{no no}}')).toEqual(['b', 'a', 'größe'])
})

it('fills places in one pass and leaves what it has nothing for', () => {
  expect(filled('{{a}} and {{ b }} and {{c}}', { a: '{{b}}', b: '$&' })).toBe('{{b}} and $& and {{c}}')
})

it('takes a slash for the beginning of a template, and no path', () => {
  expect(['/', '/Sum up', 'a /b', '/usr/bin', '/a\nb'].map(slashQuery)).toEqual([
    '',
    'sum up',
    undefined,
    undefined,
    undefined,
  ])
})

it('lists first what begins with the words', () => {
  const names = ['Write a poem', 'Rewrite', 'Sum up'].map((name) => ({ name }))
  expect(matching(names, 'wri').map(({ name }) => name)).toEqual(['Write a poem', 'Rewrite'])
})
