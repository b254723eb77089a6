import { type ComponentType, createElement, lazy } from 'react'

/** The script of a part of the app could not be fetched. */
export class Unfetched extends Error {}

/** What could not be fetched, each as what makes it be fetched anew. */
const failed = new Set<() => void>()

/** Lets what could not be fetched be fetched anew by whoever wants it next. */
export function renewFailed(): void {
  for (const renew of failed) renew()
  failed.clear()
}

/** As `lazy`, which remembers a failure for as long as the page is open: the network may be back. */
export function late<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
): ComponentType<Props> {
  const begin = () =>
    lazy(() =>
      load().catch((error: unknown) => {
        failed.add(() => {
          current = begin()
        })
        throw new Unfetched('A part of the app could not be fetched.', { cause: error })
      }),
    )
  let current = begin()
  return function Late(props: Props) {
    return createElement<Props>(current, props)
  }
}
