import { describe, expect, it } from 'vitest'
import type { ProjectMessage, StoredFile, Version } from '@/api/projects'
import { activePath, firstPath, liveEntries, storedEntries, treeOf } from '@/features/projects/entries'
import { timelineOf } from '@/features/projects/timeline'
import { searchOf, viewIn } from '@/features/projects/view'
import { languageOf } from '@/features/projects/words'
import { type BuildFile, nothingBuilt } from '@/streams/build'

const stored = (path: string): StoredFile => ({ path, sha256: `sha of ${path}`, size: 1, isBinary: false })
const written = (path: string, more: Partial<BuildFile> = {}): BuildFile => ({
  path,
  op: 'create',
  state: 'done',
  text: '',
  attempt: 1,
  whole: true,
  sha256: undefined,
  ...more,
})

describe('the files of a version', () => {
  it('are marked with what became of them', () => {
    const changes = [
      { path: 'b.py', kind: 'modified', oldPath: null, additions: 1, deletions: 0 },
      { path: 'c.py', kind: 'deleted', oldPath: null, additions: 0, deletions: 3 },
    ] as const
    const entries = storedEntries([stored('b.py'), stored('a.py')], changes)
    expect(entries.map(({ path, mark }) => [path, mark])).toEqual([
      ['a.py', undefined],
      ['b.py', 'M'],
      ['c.py', 'D'],
    ])
  })

  it('are those of the version before with what has been written since', () => {
    const files = [
      written('a.py', { op: 'modify', state: 'writing' }),
      written('z.py'),
      written('b.py', { op: 'delete' }),
    ]
    const build = { ...nothingBuilt, files }
    const entries = liveEntries([stored('a.py'), stored('b.py'), stored('c.py')], build)
    expect(entries.map(({ path, mark, writing }) => [path, mark, writing])).toEqual([
      ['a.py', 'M', true],
      ['b.py', 'D', false],
      ['c.py', undefined, false],
      ['z.py', 'A', false],
    ])
    expect(activePath(build)).toBe('a.py')
    expect(activePath({ ...build, files: files.slice(1) })).toBe('z.py')
  })

  it('stand in their folders', () => {
    const root = treeOf(storedEntries([stored('app/db/one.py'), stored('app/main.py'), stored('README.md')], []))
    expect(root.files.map(({ path }) => path)).toEqual(['README.md'])
    expect(root.folders[0]?.folders[0]).toMatchObject({ name: 'db', path: 'app/db/' })
    expect(firstPath(storedEntries([stored('README.md'), stored('app/main.py')], []))).toBe('app/main.py')
  })

  it('have the language that their name tells', () => {
    expect(['app/main.py', 'Dockerfile', '.gitignore', 'Makefile'].map(languageOf)).toEqual([
      'py',
      'dockerfile',
      undefined,
      undefined,
    ])
  })
})

describe('the talk about a project', () => {
  const message = (id: string, createdAt: string) => ({ id, createdAt, role: 'assistant' }) as ProjectMessage
  const version = (ordinal: number, messageId: string | null, createdAt: string) =>
    ({ id: `v${ordinal}`, ordinal, messageId, createdAt }) as Version

  it('has each version at its answer, and a restored one where it was made', () => {
    const messages = [message('a', '2026-01-01T00:00:01Z'), message('b', '2026-01-01T00:00:05Z')]
    const versions = [
      version(3, 'b', '2026-01-01T00:00:05Z'),
      version(2, null, '2026-01-01T00:00:03Z'),
      version(1, 'a', '2026-01-01T00:00:01Z'),
    ]
    const moments = timelineOf(messages, versions, true)
    expect(moments.map(({ id, version: made }) => [id, made?.ordinal])).toEqual([
      ['a', 1],
      ['v2', 2],
      ['b', 3],
    ])
  })

  it('leaves versions to the older messages that are not shown yet', () => {
    const messages = [message('b', '2026-01-01T00:00:05Z')]
    const versions = [version(1, 'a', '2026-01-01T00:00:01Z')]
    expect(timelineOf(messages, versions, false)).toHaveLength(1)
  })
})

describe('what is looked at', () => {
  it('stands in the address', () => {
    const view = { version: 2, panel: 'compare', against: 1 } as const
    expect(searchOf(view)).toBe('?version=2&show=compare&against=1')
    expect(viewIn(searchOf(view))).toEqual(view)
    expect(searchOf({ version: undefined, panel: 'files', against: 1 })).toBe('')
  })

  it('is the latest where the address makes no sense', () => {
    expect(viewIn('version=-1&show=nothing&against=x')).toEqual({
      version: undefined,
      panel: 'files',
      against: undefined,
    })
  })
})
