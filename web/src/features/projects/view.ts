/** What of a project is looked at. It stands in the address, so that a reload or a link shows the same. */
import { useLocation, useSearch } from 'wouter'

export const panels = ['files', 'checks', 'compare', 'preview'] as const
export type Panel = (typeof panels)[number]

interface View {
  /** By its number; undefined is the latest. */
  version: number | undefined
  panel: Panel
  /** The version to compare with. */
  against: number | undefined
}

export interface Viewing extends View {
  show: (change: Partial<View>) => void
}

export function useView(): Viewing {
  const search = useSearch()
  const [page, navigate] = useLocation()
  const view = viewIn(search)
  const show = (change: Partial<View>): void => {
    navigate(page + searchOf({ ...view, ...change }))
  }
  return { ...view, show }
}

export function viewIn(search: string): View {
  const fields = new URLSearchParams(search)
  const panel = panels.find((each) => each === fields.get('show')) ?? 'files'
  return { version: numberIn(fields.get('version')), panel, against: numberIn(fields.get('against')) }
}

function numberIn(text: string | null): number | undefined {
  return text !== null && /^\d{1,6}$/.test(text) ? Number(text) : undefined
}

export function searchOf({ version, panel, against }: View): string {
  const fields = new URLSearchParams()
  if (version !== undefined) fields.set('version', String(version))
  if (panel !== 'files') fields.set('show', panel)
  if (panel === 'compare' && against !== undefined) fields.set('against', String(against))
  const text = fields.toString()
  return text === '' ? '' : `?${text}`
}
