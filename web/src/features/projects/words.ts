/** What things of projects are called. */
import type { Change, Version } from '@/api/projects'
import type { CheckStatus } from '@/streams/build'

export type Status = Version['status']

export const statusWords: Record<Status, string> = {
  generating: 'Generating',
  validating: 'Checking',
  ready: 'Ready',
  ready_with_errors: 'Has errors',
  not_validated: 'Not checked',
  failed: 'Failed',
  stopped: 'Stopped',
}

export const checkWords: Record<CheckStatus, string> = {
  running: 'Running',
  passed: 'Passed',
  failed: 'Failed',
  skipped: 'Skipped',
  error: 'Not known',
}

const stages: Partial<Record<string, string>> = {
  static: 'Syntax',
  install: 'Packages',
  boot: 'Start',
  contract: 'Contract',
  probe: 'Requests',
  test: 'Tests',
}

export const stageWord = (stage: string): string => stages[stage] ?? stage

/** `R` is renamed. */
export type Mark = 'A' | 'M' | 'D' | 'R'

const marks: Record<Change['kind'], Mark> = { added: 'A', modified: 'M', deleted: 'D', renamed: 'R' }

export const markOf = (kind: Change['kind']): Mark => marks[kind]

export const markWords: Record<Mark, string> = { A: 'added', M: 'modified', D: 'deleted', R: 'renamed' }

export const isLive = ({ status }: Version): boolean => status === 'generating' || status === 'validating'

/** It ended before it was whole: its files are those that were finished. */
export const isDraft = ({ status }: Version): boolean => status === 'failed' || status === 'stopped'

/** Seconds that it took; undefined while it is made. */
export function secondsOf({ createdAt, endedAt }: Version): number | undefined {
  return endedAt === null ? undefined : Math.max(0, Math.round((Date.parse(endedAt) - Date.parse(createdAt)) / 1000))
}

/** What a language is called by the end of a file's name, as models and grammars call it. */
export function languageOf(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase()
  if (name === 'dockerfile') return 'dockerfile'
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(dot + 1) : undefined
}
