import { expect, it } from 'vitest'
import { fold, foldFolders } from '@/queries/listing'
import type { Change } from '@/streams/changes'

const chat = (id: string, updatedAt: number, filed: object = {}) => ({
  id,
  updatedAt: new Date(updatedAt * 1000).toISOString(),
  folderId: null,
  archived: false,
  pinned: false,
  tags: [] as string[],
  ...filed,
})
const set = (changed: object) => ({ type: 'chat-set', chat: changed }) as Change
const ids = (chats: { id: string }[]): string[] => chats.map(({ id }) => id)

it('keeps in a list what belongs to it, and takes out what has left', () => {
  const listed = [chat('b', 2, { pinned: true }), chat('a', 1, { pinned: true })]
  const changes = [set(chat('c', 3, { pinned: true })), set(chat('d', 4)), set(chat('b', 5))]
  expect(ids(fold(listed, changes, true, { pinned: true }))).toEqual(['c', 'a'])
  expect(ids(fold([chat('a', 1)], [set(chat('a', 2, { tags: ['x'] }))], true, { tag: 'x' }))).toEqual(['a'])
})

it('has in the archive what every other list has not', () => {
  const away = set(chat('a', 2, { archived: true }))
  expect(fold([chat('a', 1)], [away], true)).toEqual([])
  expect(ids(fold([], [away], true, { archived: true }))).toEqual(['a'])
})

it('empties the list of a folder that is gone', () => {
  const gone: Change = { type: 'folder-delete', folderId: 'f', parentId: 'g' }
  expect(fold([chat('a', 1, { folderId: 'f' })], [gone], true, { folder: 'f' })).toEqual([])
  expect(fold([chat('a', 1, { folderId: 'f' })], [gone], true)).toMatchObject([{ id: 'a', folderId: 'g' }])
})

it('replaces folders, adds them, and lets what was in one move to the one around it', () => {
  const folder = (id: string, parentId: string | null, name = id) => ({ id, name, parentId })
  const changes: Change[] = [
    { type: 'folder-set', folder: folder('b', 'a', 'renamed') },
    { type: 'folder-set', folder: folder('c', 'b') },
    { type: 'folder-delete', folderId: 'b', parentId: 'a' },
  ]
  expect(foldFolders([folder('a', null), folder('b', 'a')], changes)).toEqual([folder('a', null), folder('c', 'a')])
})
