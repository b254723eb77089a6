/** The files of a version as a tree shows them: stored, or while they are written. Pure. */
import type { Change, StoredFile } from '@/api/projects'
import type { Build, BuildFile } from '@/streams/build'
import { type Mark, markOf } from './words'

export interface Entry {
  path: string
  mark: Mark | undefined
  writing: boolean
  /** Of the content; undefined where there is none that could be asked for. */
  sha256: string | undefined
  binary: boolean
  /** What has come of it so far. */
  live: BuildFile | undefined
}

const byPath = (a: Entry, b: Entry): number => (a.path < b.path ? -1 : 1)

/** What is stored; a file that is gone stands there as deleted. */
export function storedEntries(files: readonly StoredFile[], changes: readonly Change[]): Entry[] {
  const kinds = new Map(changes.map((change) => [change.path, change.kind]))
  const there = files.map(({ path, sha256, isBinary }): Entry => {
    const kind = kinds.get(path)
    return { path, mark: kind && markOf(kind), writing: false, sha256, binary: isBinary, live: undefined }
  })
  const gone = changes
    .filter(({ kind }) => kind === 'deleted')
    .map(({ path }): Entry => ({ path, mark: 'D', writing: false, sha256: undefined, binary: false, live: undefined }))
  return [...there, ...gone].sort(byPath)
}

/** What a version begins with, and what its run has told since. */
export function liveEntries(base: readonly StoredFile[], { files }: Build): Entry[] {
  const touched = new Set(files.map(({ path }) => path))
  const known = new Set(base.map(({ path }) => path))
  const kept = storedEntries(base, []).filter(({ path }) => !touched.has(path))
  const written = files.map((live): Entry => {
    const mark = live.op === 'delete' ? 'D' : known.has(live.path) ? 'M' : 'A'
    const { path, sha256 } = live
    return { path, mark, writing: live.state === 'writing', sha256, binary: false, live }
  })
  return [...kept, ...written].sort(byPath)
}

/** The file that shows what happens: the one that is written, else the last one that was. */
export function activePath({ files }: Build): string | undefined {
  const file = files.findLast(({ state }) => state === 'writing') ?? files.findLast(({ op }) => op !== 'delete')
  return file?.path
}

/** The file that is worth a look first. */
export function firstPath(entries: readonly Entry[]): string | undefined {
  const readable = entries.filter(({ mark, binary }) => mark !== 'D' && !binary)
  const main = /(^|\/)(main|app|server|index)\.\w+$/
  return (readable.find(({ path }) => main.test(path)) ?? readable[0])?.path
}

export interface Folder {
  name: string
  path: string
  folders: Folder[]
  files: Entry[]
}

/** Entries by their folders, folders first. */
export function treeOf(entries: readonly Entry[]): Folder {
  const root: Folder = { name: '', path: '', folders: [], files: [] }
  for (const entry of entries) {
    let folder = root
    for (const name of entry.path.split('/').slice(0, -1)) {
      let next = folder.folders.find((each) => each.name === name)
      if (!next) {
        next = { name, path: `${folder.path}${name}/`, folders: [], files: [] }
        folder.folders.push(next)
      }
      folder = next
    }
    folder.files.push(entry)
  }
  return root
}
