import type { ExtraProps } from 'react-markdown'

export type Tree = NonNullable<ExtraProps['node']>

/** The text of a part of rendered Markdown. */
export function textOf(node: Tree | Tree['children'][number]): string {
  if ('children' in node) return node.children.map(textOf).join('')
  return 'value' in node ? node.value : ''
}
