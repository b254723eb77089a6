/** The shared examples of changes: the server's tests run the same ones. */
import { readFileSync, readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { fold } from '@/queries/listing'
import type { Change } from '@/streams/changes'

interface Listed {
  id: string
  updatedAt: string
}

interface Case {
  name: string
  complete: boolean
  chats: Listed[]
  changes: Change[]
  expected: Listed[]
}

const folder = new URL('../../../protocol/cases/changes/', import.meta.url)
const cases = readdirSync(folder).map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Case)

it.each(cases)('$name', ({ chats, changes, complete, expected }) => {
  expect(fold(chats, changes, complete)).toEqual(expected)
})
