/** Projects, their versions, and what is in them. Kept current by changes, see `changes.ts`. */
import {
  type QueryClient,
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import { generateId } from 'ai'
import {
  type Making,
  type NewProject,
  type NewVersion,
  type Place,
  type ProjectDetail,
  compareContracts,
  compareVersions,
  createProject,
  createVersion,
  deleteProject,
  getChecks,
  getFile,
  getFiles,
  getPreview,
  getProject,
  getProjectMessages,
  getProjects,
  getVersion,
  getVersions,
  makeFrom,
  startPreview,
  stopPreview,
  stopVersion,
} from '@/api/projects'
import { codeOf } from '@/api/errors'

/** The link of a preview lets one in for five minutes. */
const linkAge = 4 * 60_000

const keys = {
  list: ['projects'] as const,
  all: ['project'] as const,
  project: (projectId: string) => ['project', projectId] as const,
  detail: (projectId: string) => ['project', projectId, 'detail'] as const,
  messages: (projectId: string) => ['project', projectId, 'messages'] as const,
  versions: (projectId: string) => ['project', projectId, 'versions'] as const,
  version: ({ projectId, version }: Place, what: string) => ['project', projectId, 'version', version, what] as const,
  compared: (projectId: string, older: string, newer: string) => ['compared', projectId, older, newer] as const,
  /** What has a hash never changes, so that no change makes it be asked for again. */
  content: (sha256: string) => ['content', sha256] as const,
}

export function refreshProject(client: QueryClient, projectId: string): void {
  void client.invalidateQueries({ queryKey: keys.project(projectId) })
  void client.invalidateQueries({ queryKey: keys.list })
}

export function refreshProjects(client: QueryClient): void {
  void client.invalidateQueries({ queryKey: keys.all })
  void client.invalidateQueries({ queryKey: keys.list })
}

export function useProjects() {
  return useInfiniteQuery({
    queryKey: keys.list,
    queryFn: ({ pageParam, signal }) => getProjects(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  })
}

export function useProject(projectId: string) {
  return useQuery({ queryKey: keys.detail(projectId), queryFn: ({ signal }) => getProject(projectId, signal) })
}

export function useVersions(projectId: string) {
  return useQuery({ queryKey: keys.versions(projectId), queryFn: ({ signal }) => getVersions(projectId, signal) })
}

/** What was said about it, page by page, the latest first. */
export function useProjectMessages(projectId: string) {
  return useInfiniteQuery({
    queryKey: keys.messages(projectId),
    queryFn: ({ pageParam, signal }) => getProjectMessages(projectId, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  })
}

export function useVersion(place: Place) {
  return useQuery({ queryKey: keys.version(place, 'detail'), queryFn: ({ signal }) => getVersion(place, signal) })
}

/** The files of a version; none where no version is named. */
export function useFiles(projectId: string, version: string | null) {
  const place = { projectId, version: version ?? '' }
  return useQuery({
    queryKey: keys.version(place, 'files'),
    queryFn: ({ signal }) => getFiles(place, signal),
    enabled: version !== null,
  })
}

export function useFile(place: Place, sha256: string | undefined) {
  return useQuery({
    queryKey: keys.content(sha256 ?? ''),
    queryFn: ({ signal }) => getFile(place, sha256 ?? '', signal),
    enabled: sha256 !== undefined,
    staleTime: Infinity,
  })
}

export function useChecks(place: Place) {
  return useQuery({ queryKey: keys.version(place, 'checks'), queryFn: ({ signal }) => getChecks(place, signal) })
}

/** What is different in the files, and in what the APIs promise. */
export function useComparison(projectId: string, older: string, newer: string) {
  const files = useQuery({
    queryKey: [...keys.compared(projectId, older, newer), 'files'],
    queryFn: ({ signal }) => compareVersions(projectId, older, newer, signal),
    placeholderData: keepPreviousData,
  })
  const contract = useQuery({
    queryKey: [...keys.compared(projectId, older, newer), 'contract'],
    queryFn: ({ signal }) => compareContracts(projectId, older, newer, signal),
  })
  return { files, contract }
}

export function usePreview(place: Place) {
  return useQuery({
    queryKey: keys.version(place, 'preview'),
    queryFn: ({ signal }) => getPreview(place, signal),
    refetchInterval: ({ state }) => (state.data?.status === 'running' ? linkAge : false),
  })
}

export function useStartPreview(place: Place) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => startPreview(place),
    onSuccess: (preview) => client.setQueryData(keys.version(place, 'preview'), preview),
  })
}

export function useStopPreview(place: Place) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => stopPreview(place),
    onSettled: () => client.invalidateQueries({ queryKey: keys.version(place, 'preview') }),
  })
}

/** A line that breaks is tried again under the same key; a refusal is one. */
const again = (failures: number, error: Error): boolean => codeOf(error) === undefined && failures < 2

export function useCreateProject() {
  const client = useQueryClient()
  const { mutate, ...rest } = useMutation({
    mutationFn: ({ body, key }: { body: NewProject; key: string }) => createProject(body, key),
    retry: again,
    onSuccess: () => client.invalidateQueries({ queryKey: keys.list }),
  })
  const create = (body: NewProject, onBegun: (projectId: string) => void): void => {
    mutate(
      { body, key: generateId() },
      {
        onSuccess: ({ projectId }) => {
          onBegun(projectId)
        },
      },
    )
  }
  return { ...rest, create }
}

/** Takes in that a version was begun: its run can be followed at once. */
function begin(client: QueryClient, projectId: string, runId: string | null): void {
  client.setQueryData<ProjectDetail>(
    keys.detail(projectId),
    (project) => project && { ...project, liveRunId: project.liveRunId ?? runId },
  )
  refreshProject(client, projectId)
}

export function useCreateVersion(projectId: string) {
  const client = useQueryClient()
  const { mutate, ...rest } = useMutation({
    mutationFn: ({ body, key }: { body: NewVersion; key: string }) => createVersion(projectId, body, key),
    retry: again,
    onSuccess: ({ runId }) => {
      begin(client, projectId, runId)
    },
  })
  const create = (body: NewVersion, onBegun: () => void): void => {
    mutate({ body, key: generateId() }, { onSuccess: onBegun })
  }
  return { ...rest, create }
}

/** Restores, regenerates or retries a version: each makes a new one. */
export function useMakeFrom(place: Place) {
  const client = useQueryClient()
  const { mutate, ...rest } = useMutation({
    mutationFn: ({ making, key }: { making: Making; key: string }) => makeFrom(making, place, key),
    retry: again,
    onSuccess: ({ runId }) => {
      begin(client, place.projectId, runId)
    },
  })
  const make = (making: Making, onBegun: () => void): void => {
    mutate({ making, key: generateId() }, { onSuccess: onBegun })
  }
  return { ...rest, make }
}

export function useStopVersion(projectId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (version: string) => stopVersion({ projectId, version }),
    onSettled: () => {
      refreshProject(client, projectId)
    },
  })
}

export function useDeleteProject() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: deleteProject,
    onSuccess: () => client.invalidateQueries({ queryKey: keys.list }),
  })
}
