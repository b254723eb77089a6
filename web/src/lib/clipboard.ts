/** Copies text; false when the browser does not allow it. */
export async function copy(text: string): Promise<boolean> {
  // Pages served over plain HTTP from another machine have no clipboard object, whatever its type says.
  const clipboard = navigator.clipboard as Clipboard | undefined
  if (!clipboard) return copyBySelection(text)
  return clipboard.writeText(text).then(
    () => true,
    () => false,
  )
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way left without a secure context
  const done = document.execCommand('copy')
  area.remove()
  return done
}
