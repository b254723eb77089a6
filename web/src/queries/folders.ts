import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FolderChanges, type FolderList, createFolder, deleteFolder, getFolders, updateFolder } from '@/api/filing'
import type { Change } from '@/streams/changes'
import { caughtUp, keys as chatKeys } from './chats'
import { foldFolders } from './listing'

export const keys = { all: ['folders'] as const }

/** Kept current by changes, see `changes.ts`. */
export function useFolders() {
  return useQuery({
    queryKey: keys.all,
    queryFn: ({ signal, client }) => caughtUp(client, () => getFolders(signal)),
    staleTime: Infinity,
  })
}

export function useCreateFolder() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: createFolder,
    onSuccess: (folder) => {
      apply(client, { type: 'folder-set', folder })
    },
  })
}

export function useUpdateFolder() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ folderId, changes }: { folderId: string; changes: FolderChanges }) =>
      updateFolder(folderId, changes),
    onSuccess: (folder) => {
      apply(client, { type: 'folder-set', folder })
    },
  })
}

/** What is in it goes to the folder around it. */
export function useDeleteFolder() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: deleteFolder,
    onSuccess: (_data, folderId) => {
      const folder = client.getQueryData<FolderList>(keys.all)?.items.find(({ id }) => id === folderId)
      apply(client, { type: 'folder-delete', folderId, parentId: folder?.parentId ?? null })
      void client.invalidateQueries({ queryKey: chatKeys.lists })
    },
  })
}

function apply(client: QueryClient, change: Change): void {
  client.setQueryData<FolderList>(keys.all, (data) => data && { ...data, items: foldFolders(data.items, [change]) })
}
