/** Errors of the wire. A `ProblemError` carries a sentence of the server that is fit to be shown. */
import { Signal } from '@/lib/signal'

/** Whether the server has said that the session is over. It stays said until somebody begins another visit. */
export const sessionOver = new Signal(false)

export class ProblemError extends Error {
  readonly code: string
  readonly status: number
  readonly runId: string | undefined

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.message ?? 'The server could not answer this request. Please try again.')
    this.name = 'ProblemError'
    this.code = problem.code ?? 'unknown'
    this.status = status
    this.runId = problem.runId
  }
}

interface Problem {
  code: string
  message: string
  runId: string
}

export async function problemOf(response: Response): Promise<ProblemError> {
  return refusal(response.status, await response.text().catch(() => ''))
}

/** The error in the body of a response; whichever request hears first that the session is over, all of the app knows. */
export function refusal(status: number, body: unknown): ProblemError {
  const error = new ProblemError(status, parseProblem(body))
  if (isSessionOver(error)) sessionOver.set(true)
  return error
}

export function isSessionOver(error: unknown): boolean {
  return codeOf(error) === 'session_ended'
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof ProblemError ? error.code : undefined
}

function parseProblem(body: unknown): Partial<Problem> {
  const value = typeof body === 'string' ? parseJson(body) : body
  if (typeof value !== 'object' || value === null) return {}
  const fields = value as Record<string, unknown>
  const problem: Partial<Problem> = {}
  for (const key of ['code', 'message', 'runId'] as const) {
    if (typeof fields[key] === 'string') problem[key] = fields[key]
  }
  return problem
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 404
}

/** A sentence for a person about any error. */
export function sentence(error: unknown): string {
  if (error instanceof ProblemError) return error.message
  return 'The server could not be reached. Check your connection and try again.'
}
