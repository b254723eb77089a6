/** Texts that were typed and not sent yet. They outlive a reload, and whoever signs in again finds them in their place. */
import { passing } from './storage'

export function readDraft(name: string): string {
  return passing.read(`draft.${name}`) ?? ''
}

export function writeDraft(name: string, text: string): void {
  passing.write(`draft.${name}`, text === '' ? null : text)
}

export function forgetDrafts(): void {
  passing.clear('draft.')
}
