/** Folders as a tree: they come as a list, each naming the one that it is in. */
interface Foldable {
  id: string
  name: string
  parentId: string | null
}

export interface Branch<T> {
  folder: T
  depth: number
  inside: Branch<T>[]
}

const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/** What is in a folder, by name. A folder whose own one is not there stands at the top. */
export function treeOf<T extends Foldable>(folders: readonly T[]): Branch<T>[] {
  const known = new Set(folders.map(({ id }) => id))
  const within = (parentId: string | null, depth: number): Branch<T>[] =>
    folders
      .filter((folder) => (known.has(folder.parentId ?? '') ? folder.parentId : null) === parentId)
      .sort((a, b) => byName.compare(a.name, b.name))
      .map((folder) => ({ folder, depth, inside: within(folder.id, depth + 1) }))
  return within(null, 0)
}

/** All of a tree in the order in which it is read. */
export function flatten<T>(branches: readonly Branch<T>[]): Branch<T>[] {
  return branches.flatMap((branch) => [branch, ...flatten(branch.inside)])
}

/** Where a folder can go: not into itself, nor into what is in it. */
export function goalsFor<T extends Foldable>(folders: readonly T[], folderId: string | undefined): Branch<T>[] {
  const pruned = (branches: readonly Branch<T>[]): Branch<T>[] =>
    branches
      .filter(({ folder }) => folder.id !== folderId)
      .map((branch) => ({ ...branch, inside: pruned(branch.inside) }))
  return flatten(pruned(treeOf(folders)))
}
