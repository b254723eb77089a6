/** What the log of a run tells of a version in the making, folded event by event (protocol/SPEC.md, EV10; E2). Pure. */
import type { Chunk } from './events'

export type CheckStatus = 'running' | 'passed' | 'failed' | 'skipped' | 'error'

export interface Diagnostic {
  kind: string
  message: string
  path?: string | null
  line?: number | null
}

export interface BuildCheck {
  stage: string
  status: CheckStatus
  attempt: number
  summary: string
  diagnostics: readonly Diagnostic[]
}

export interface BuildFile {
  path: string
  op: 'create' | 'modify' | 'delete'
  state: 'writing' | 'done'
  text: string
  attempt: number
  /** Whether no piece of the text is missing. */
  whole: boolean
  /** Of the finished content. */
  sha256: string | undefined
}

interface Problem {
  code: string
  message: string
  retryable: boolean
  keptFiles: readonly string[]
}

export const phases = ['Planning', 'Generating', 'Checking', 'Complete'] as const
type Phase = (typeof phases)[number]

export interface Build {
  versionId: string | undefined
  planning: string
  /** What the model says beside the files. */
  said: string
  /** Where `said` began in the step that is open. */
  saidBefore: string
  phase: Phase
  /** The step that is done now, for people. */
  step: string | undefined
  files: readonly BuildFile[]
  checks: readonly BuildCheck[]
  warnings: readonly string[]
  problem: Problem | undefined
  status: string | undefined
}

export const nothingBuilt: Build = {
  versionId: undefined,
  planning: '',
  said: '',
  saidBefore: '',
  phase: 'Planning',
  step: undefined,
  files: [],
  checks: [],
  warnings: [],
  problem: undefined,
  status: undefined,
}

const phaseOf: Partial<Record<string, Phase>> = { context: 'Planning', generate: 'Planning', apply: 'Generating' }

interface Told {
  type: string
  data?: unknown
  delta?: string
}

/** The build after one more event. What is not known is passed over. */
export function advance(build: Build, event: Chunk): Build {
  const { type, data, delta } = event as Told
  switch (type) {
    case 'start-step':
      return { ...build, saidBefore: build.said }
    case 'reset-step':
      return restarted(build)
    case 'text-delta':
      return { ...build, said: build.said + (delta ?? '') }
    case 'data-version-start':
      return { ...build, versionId: (data as { versionId: string }).versionId }
    case 'data-planning':
      return { ...build, planning: build.planning + (data as { text: string }).text }
    case 'data-step-start':
      return withStep(build, data as { step: string; label: string })
    case 'data-file-generating':
      return begun(build, data as Begun)
    case 'data-code-chunk':
      return grown(build, data as Piece)
    case 'data-file-complete':
      return finished(build, data as Finished)
    case 'data-check-update':
      return checked(build, { summary: '', diagnostics: [], ...(data as Partial<BuildCheck>) } as BuildCheck)
    case 'data-version-complete':
      return { ...build, phase: 'Complete', step: undefined, status: (data as { status: string }).status }
    case 'data-error':
      return failed(build, data as Problem & { warning?: boolean })
    default:
      return build
  }
}

/** EV7: another worker goes on. Files that were finished are kept; what was being written comes again. */
function restarted(build: Build): Build {
  const files = build.files.filter(({ state }) => state === 'done')
  return { ...build, said: build.saidBefore, planning: '', files }
}

function withStep(build: Build, { step, label }: { step: string; label: string }): Build {
  return { ...build, step: label, phase: phaseOf[step] ?? 'Checking' }
}

interface Begun {
  path: string
  op: 'create' | 'modify'
  attempt: number
}

function begun(build: Build, { path, op, attempt }: Begun): Build {
  const file: BuildFile = { path, op, attempt, state: 'writing', text: '', whole: true, sha256: undefined }
  const phase = build.phase === 'Planning' ? 'Generating' : build.phase
  return { ...build, phase, files: put(build.files, file) }
}

interface Piece {
  path: string
  attempt: number
  offset: number
  text: string
}

/** Text is only added where it belongs; a file of which something is missing is fetched when it is there. */
function grown(build: Build, { path, attempt, offset, text }: Piece): Build {
  const file = build.files.find((each) => each.path === path)
  if (file?.attempt !== attempt || file.state === 'done') return build
  // An edited file comes as one piece, once the edit has been applied.
  if (offset === 0) return { ...build, files: put(build.files, { ...file, text, whole: true }) }
  if (offset !== file.text.length) return { ...build, files: put(build.files, { ...file, whole: false }) }
  return { ...build, files: put(build.files, { ...file, text: file.text + text }) }
}

interface Finished {
  path: string
  created?: readonly string[]
  modified?: readonly string[]
  deleted?: readonly string[]
  sha256?: string
  attempt?: number
}

function finished(build: Build, { path, created = [], deleted = [], sha256, attempt = 1 }: Finished): Build {
  const before = build.files.find((each) => each.path === path && each.attempt === attempt)
  const op = deleted.includes(path) ? 'delete' : created.includes(path) ? 'create' : 'modify'
  const { text, whole } = before ?? { text: '', whole: false }
  return { ...build, files: put(build.files, { path, op, attempt, text, whole, sha256, state: 'done' }) }
}

function checked(build: Build, check: BuildCheck): Build {
  const others = build.checks.filter(({ stage, attempt }) => stage !== check.stage || attempt !== check.attempt)
  return { ...build, checks: [...others, check] }
}

function failed(build: Build, { warning, ...problem }: Problem & { warning?: boolean }): Build {
  if (warning) return { ...build, warnings: [...build.warnings, problem.message] }
  return { ...build, step: undefined, problem }
}

function put(files: readonly BuildFile[], file: BuildFile): readonly BuildFile[] {
  const at = files.findIndex(({ path }) => path === file.path)
  return at < 0 ? [...files, file] : files.with(at, file)
}
