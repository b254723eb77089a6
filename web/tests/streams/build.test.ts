import { describe, expect, it } from 'vitest'
import { type Build, advance, nothingBuilt } from '@/streams/build'
import type { Chunk } from '@/streams/events'

const told = (type: string, data?: unknown): Chunk => ({ type, data }) as Chunk
const fold = (...events: Chunk[]): Build => events.reduce(advance, nothingBuilt)

const open = (path: string, attempt = 1, op = 'create') => told('data-file-generating', { path, op, attempt })
const piece = (path: string, offset: number, text: string, attempt = 1) =>
  told('data-code-chunk', { path, attempt, offset, text })

describe('a build (E2)', () => {
  it('passes through its phases', () => {
    const steps = ['context', 'generate', 'apply', 'static'].map((step) =>
      told('data-step-start', { step, label: step }),
    )
    const seen = steps.map((_, index) => fold(...steps.slice(0, index + 1)).phase)
    expect(seen).toEqual(['Planning', 'Planning', 'Generating', 'Checking'])
    expect(fold(...steps.slice(0, 2), open('a.py')).phase).toBe('Generating')
    expect(fold(...steps, told('data-version-complete', { status: 'ready' }))).toMatchObject({
      phase: 'Complete',
      status: 'ready',
    })
  })

  it('puts the pieces of a file together by offset', () => {
    const { files } = fold(open('a.py'), piece('a.py', 0, 'äb\n'), piece('a.py', 3, 'c'))
    expect(files).toMatchObject([{ path: 'a.py', text: 'äb\nc', whole: true, state: 'writing' }])
  })

  it('does not add a piece that belongs elsewhere', () => {
    const { files } = fold(open('a.py'), piece('a.py', 0, 'ab'), piece('a.py', 5, 'c'))
    expect(files).toMatchObject([{ text: 'ab', whole: false }])
  })

  it('shows a later attempt at a file instead of an earlier one', () => {
    const { files } = fold(open('a.py'), piece('a.py', 0, 'old'), open('a.py', 2), piece('a.py', 3, 'late'))
    expect(files).toMatchObject([{ attempt: 2, text: '' }])
  })

  it('finishes files, also such as were not seen being written', () => {
    const { files } = fold(
      open('a.py'),
      piece('a.py', 0, 'a'),
      told('data-file-complete', { path: 'a.py', created: ['a.py'], sha256: 'x', attempt: 1 }),
      told('data-file-complete', { path: 'b.py', deleted: ['b.py'] }),
    )
    expect(files).toMatchObject([
      { path: 'a.py', op: 'create', state: 'done', sha256: 'x', whole: true },
      { path: 'b.py', op: 'delete', state: 'done', whole: false },
    ])
  })

  it('keeps what was finished when another worker goes on (EV7)', () => {
    const before = [
      told('start-step'),
      { type: 'text-delta', id: '1', delta: 'Half a' } as Chunk,
      open('a.py'),
      told('data-file-complete', { path: 'a.py', created: ['a.py'], sha256: 'x' }),
      open('b.py'),
    ]
    const build = fold(...before, { type: 'reset-step' })
    expect(build.said).toBe('')
    expect(build.files.map(({ path }) => path)).toEqual(['a.py'])
  })

  it('shows each check once, as it stands', () => {
    const check = (status: string, attempt = 0) => told('data-check-update', { stage: 'boot', status, attempt })
    const { checks } = fold(check('running'), check('failed'), check('running', 1))
    expect(checks).toMatchObject([
      { status: 'failed', attempt: 0, diagnostics: [] },
      { status: 'running', attempt: 1 },
    ])
  })

  it('tells a warning from an end', () => {
    const warned = fold(told('data-error', { code: 'path', message: 'Left out.', warning: true }))
    expect(warned).toMatchObject({ warnings: ['Left out.'], problem: undefined })
    const ended = fold(told('data-error', { code: 'stopped', message: 'Stopped.', retryable: true, keptFiles: ['a'] }))
    expect(ended.problem).toMatchObject({ code: 'stopped', keptFiles: ['a'] })
  })

  it('passes over what it does not know', () => {
    expect(fold(told('data-weather', {}))).toEqual(nothingBuilt)
  })
})
