import { expect, it } from 'vitest'
import { flatten, goalsFor, treeOf } from '@/lib/folders'

const folder = (id: string, parentId: string | null, name = id) => ({ id, name, parentId })
const folders = [folder('c', 'b'), folder('b', null, 'B 10'), folder('a', null, 'b 9'), folder('lost', 'gone')]

it('sets folders in folders, by name as people count', () => {
  expect(flatten(treeOf(folders)).map(({ folder, depth }) => [folder.id, depth])).toEqual([
    ['a', 0],
    ['b', 0],
    ['c', 1],
    ['lost', 0],
  ])
})

it('moves no folder into itself', () => {
  expect(goalsFor(folders, 'b').map(({ folder }) => folder.id)).toEqual(['a', 'lost'])
  expect(goalsFor(folders, undefined)).toHaveLength(4)
})
