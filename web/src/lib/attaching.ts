/** What can be attached, told by the browser's word; the server looks at the content. */

const pictures = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif'])

export type Kind = 'picture' | 'text'

/** What a file is, where it can be attached. Text files go as text, whatever kind of text they hold. */
export function kindOf(file: { type: string; name: string }): Kind | undefined {
  if (pictures.has(file.type)) return 'picture'
  const isText =
    file.type.startsWith('text/') || /\.(md|txt|csv|log|json|ya?ml|toml|xml|py|js|ts|sql)$/i.test(file.name)
  return isText && file.type !== 'image/svg+xml' ? 'text' : undefined
}

/** What a file picker offers. */
export const accepted = [...pictures, 'text/*', '.md', '.json', '.yaml', '.yml', '.toml', '.csv', '.log'].join(',')

/** A pasted text that no message can hold is attached instead. */
export function isTooLongToType(pasted: string, typed: string, limit: number): boolean {
  return pasted.length + typed.length > limit
}

/** Whether something that is dragged or pasted brings files along. */
export function bringsFiles(data: Pick<DataTransfer, 'types'> | null): boolean {
  return data?.types.includes('Files') ?? false
}
