/** Which folders stand open in this browser. */
import { Signal } from '@/lib/signal'
import { lasting } from '@/lib/storage'

const key = 'folders'

export const opened = new Signal<ReadonlySet<string>>(new Set((lasting.read(key) ?? '').split(' ').filter(Boolean)))

export function toggleFolder(folderId: string, open = !opened.get().has(folderId)): void {
  const next = new Set(opened.get())
  if (open) next.add(folderId)
  else next.delete(folderId)
  lasting.write(key, [...next].join(' '))
  opened.set(next)
}
