/** Errors of the wire. A `ProblemError` carries a sentence of the server that is fit to be shown. */
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
  return new ProblemError(response.status, parseProblem(await response.text().catch(() => '')))
}

export function parseProblem(body: unknown): Partial<Problem> {
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
