import type { Variable } from '@/api/templates'

/** A variable as it is typed: choices one on each line. */
export interface Drafted {
  kind: NonNullable<Variable['kind']>
  usual: string
  choices: string
}

export function draftedFrom(variables: readonly Variable[]): Record<string, Drafted> {
  return Object.fromEntries(
    variables.map(({ name, kind = 'text', default: usual, choices = [] }) => [
      name,
      { kind, usual: usual ?? '', choices: choices.join('\n') },
    ]),
  )
}

/** Only for places that stand in the text; what is typed for others waits until they do. */
export function variablesFrom(places: readonly string[], drafted: Readonly<Record<string, Drafted>>): Variable[] {
  return places.map((name) => {
    const { kind, usual, choices } = drafted[name] ?? { kind: 'text', usual: '', choices: '' }
    const lines = choices.split('\n').map((line) => line.trim())
    return {
      name,
      kind,
      default: usual === '' ? null : usual,
      choices: kind === 'choice' ? [...new Set(lines.filter((line) => line !== ''))] : [],
    }
  })
}
