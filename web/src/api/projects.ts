/** The calls about projects and their versions. */
import { codeOf } from './errors'
import * as sdk from './generated/sdk.gen'
import type {
  BegunVersion,
  ChangeShape as Change,
  CheckShape as StoredCheck,
  ContractComparison,
  FileDiffShape as FileDiff,
  FileList,
  FileShape as StoredFile,
  MessagePage,
  MessageShape as ProjectMessage,
  NewProject,
  NewVersion,
  PreviewShape as Preview,
  ProjectContextBody,
  ProjectContextShape as ProjectContext,
  ProjectDetail,
  ProjectPage,
  VersionDetail,
  VersionShape as Version,
} from './generated/types.gen'

export type { BegunVersion, Change, ContractComparison, FileDiff, FileList, NewProject, NewVersion }
export type {
  Preview,
  ProjectContext,
  ProjectContextBody,
  ProjectDetail,
  ProjectMessage,
  StoredCheck,
  StoredFile,
  Version,
  VersionDetail,
}

const strict = { throwOnError: true } as const

/** Where a version is: a number stands for it as well as its id. */
export interface Place {
  projectId: string
  version: string
}

const pathOf = ({ projectId, version }: Place) => ({ project_id: projectId, version })
/** Sent twice under one key, a request is done once. */
const once = (key: string) => ({ 'Idempotency-Key': key })

export async function createProject(body: NewProject, key: string): Promise<BegunVersion> {
  return (await sdk.createProject({ ...strict, body, headers: once(key) })).data
}

export async function getProjects(cursor: string | undefined, signal: AbortSignal): Promise<ProjectPage> {
  const query = cursor === undefined ? { limit: 30 } : { limit: 30, cursor }
  return (await sdk.listProjects({ ...strict, signal, query })).data
}

export async function getProject(projectId: string, signal: AbortSignal): Promise<ProjectDetail> {
  return (await sdk.getProject({ ...strict, signal, path: { project_id: projectId } })).data
}

export async function deleteProject(projectId: string): Promise<void> {
  await sdk.deleteProject({ ...strict, path: { project_id: projectId } })
}

export async function getProjectMessages(
  projectId: string,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<MessagePage> {
  const query = cursor === undefined ? {} : { cursor }
  return (await sdk.listProjectMessages({ ...strict, signal, path: { project_id: projectId }, query })).data
}

/** All versions, newest first. */
export async function getVersions(projectId: string, signal: AbortSignal): Promise<Version[]> {
  const versions: Version[] = []
  let cursor: string | undefined
  do {
    const query = cursor === undefined ? { limit: 100 } : { limit: 100, cursor }
    const { data } = await sdk.listVersions({ ...strict, signal, path: { project_id: projectId }, query })
    versions.push(...data.items)
    cursor = data.nextCursor ?? undefined
  } while (cursor !== undefined)
  return versions.sort((a, b) => b.ordinal - a.ordinal)
}

/** What a model would be shown if the next version were asked for now. Nothing is sent to it. */
export async function previewProjectContext(
  projectId: string,
  body: ProjectContextBody,
  signal: AbortSignal,
): Promise<ProjectContext> {
  return (await sdk.previewProjectContext({ ...strict, signal, path: { project_id: projectId }, body })).data
}

export async function createVersion(projectId: string, body: NewVersion, key: string): Promise<BegunVersion> {
  const path = { project_id: projectId }
  return (await sdk.createVersion({ ...strict, path, body, headers: once(key) })).data
}

export async function getVersion(place: Place, signal: AbortSignal): Promise<VersionDetail> {
  return (await sdk.getVersion({ ...strict, signal, path: pathOf(place) })).data
}

export async function getFiles(place: Place, signal: AbortSignal): Promise<FileList> {
  return (await sdk.listFiles({ ...strict, signal, path: pathOf(place) })).data
}

/** The text of a file, whatever it is: it is shown, never run. */
export async function getFile(place: Place, sha256: string, signal: AbortSignal): Promise<string> {
  const { data } = await sdk.getFile({ ...strict, signal, path: { ...pathOf(place), sha256 }, parseAs: 'blob' })
  return await data.text()
}

export async function getChecks(place: Place, signal: AbortSignal): Promise<StoredCheck[]> {
  return (await sdk.listChecks({ ...strict, signal, path: pathOf(place) })).data.items
}

export async function compareVersions(
  projectId: string,
  older: string,
  newer: string,
  signal: AbortSignal,
): Promise<FileDiff[]> {
  const query = { old: older, new: newer }
  return (await sdk.compareVersions({ ...strict, signal, path: { project_id: projectId }, query })).data.items
}

export async function compareContracts(
  projectId: string,
  older: string,
  newer: string,
  signal: AbortSignal,
): Promise<ContractComparison> {
  const query = { old: older, new: newer }
  return (await sdk.compareContracts({ ...strict, signal, path: { project_id: projectId }, query })).data
}

/** What makes a version of another one. */
export type Making = 'restore' | 'regenerate' | 'retry'

const makings = { restore: sdk.restoreVersion, regenerate: sdk.regenerateVersion, retry: sdk.retryVersion }

export async function makeFrom(making: Making, place: Place, key: string): Promise<BegunVersion> {
  return (await makings[making]({ ...strict, path: pathOf(place), headers: once(key) })).data
}

export async function stopVersion(place: Place): Promise<void> {
  await sdk.stopVersion({ ...strict, path: pathOf(place) })
}

export async function startPreview(place: Place): Promise<Preview> {
  return (await sdk.startPreview({ ...strict, path: pathOf(place) })).data
}

/** The preview that runs; null when none has been started. */
export async function getPreview(place: Place, signal: AbortSignal): Promise<Preview | null> {
  try {
    return (await sdk.getPreview({ ...strict, signal, path: pathOf(place) })).data
  } catch (error) {
    if (codeOf(error) === 'preview_not_found') return null
    throw error
  }
}

export async function stopPreview(place: Place): Promise<void> {
  await sdk.stopPreview({ ...strict, path: pathOf(place) })
}

export const zipOf = ({ projectId, version }: Place): string => `/api/projects/${projectId}/versions/${version}/zip`
export const bundleOf = (projectId: string): string => `/api/projects/${projectId}/bundle`
