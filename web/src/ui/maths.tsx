import 'katex/dist/katex.min.css'
import katex from 'katex'
import { type ComponentProps, useLayoutEffect, useRef } from 'react'
import ReactMarkdown, { type Components, type ExtraProps } from 'react-markdown'
import remarkMath from 'remark-math'
import { normalise } from '@/lib/maths'
import { type Tree, textOf } from './tree'

type Props = Omit<ComponentProps<typeof ReactMarkdown>, 'children'> & { source: string; components: Components }

/** A formula may make nothing of great size or length, and fetch nothing. */
const bounds = { strict: 'ignore', trust: false, maxSize: 20, maxExpand: 500 } as const

/** Markdown with maths; apart, because the letters and rules of maths weigh as much as the rest of the page. */
export default function Maths({ source, remarkPlugins, components, ...rest }: Props) {
  return (
    <ReactMarkdown
      {...rest}
      remarkPlugins={[...(remarkPlugins ?? []), [remarkMath, { singleDollarTextMath: false }]]}
      rehypePlugins={[...(rest.rehypePlugins ?? []), markFormulas]}
      components={{ ...components, ...formulas }}
    >
      {normalise(source)}
    </ReactMarkdown>
  )
}

/** Names that no Markdown makes, so that the components of code stay those of the page. */
const formulas = {
  'inline-maths': ({ node }: ExtraProps) => <Formula node={node} display={false} />,
  'display-maths': ({ node }: ExtraProps) => <Formula node={node} display />,
} as Components

type Parent = Pick<Tree, 'children'>

/** Gives formulas an element of their own: they come as code, displayed ones within `pre`. */
function markFormulas() {
  return function mark(tree: Parent): void {
    tree.children.forEach((child) => {
      if (child.type !== 'element') return
      const within = child.tagName === 'pre' ? child.children[0] : child
      const names = within?.type === 'element' ? within.properties.className : undefined
      if (Array.isArray(names) && names.includes('math-inline')) child.tagName = 'inline-maths'
      else if (Array.isArray(names) && names.includes('math-display')) child.tagName = 'display-maths'
      else mark(child)
    })
  }
}

function Formula({ node, display }: { node: ExtraProps['node']; display: boolean }) {
  const box = useRef<HTMLSpanElement>(null)
  const text = node ? textOf(node) : ''
  useLayoutEffect(() => {
    // Into an element, as styles in markup would be against the policy of the page.
    if (box.current) draw(text, box.current, display)
  }, [text, display])
  return (
    <span ref={box} className={display ? 'scrollbar-thin block overflow-x-auto overflow-y-hidden py-1' : undefined} />
  )
}

function draw(text: string, box: HTMLElement, displayMode: boolean): void {
  try {
    katex.render(text, box, { ...bounds, displayMode })
  } catch {
    // What is no formula, or none yet, is shown as it was written.
    box.textContent = text
  }
}
