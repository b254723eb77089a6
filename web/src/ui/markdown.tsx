import { type ComponentProps, type ReactNode, memo, useRef, useState } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import { harden } from 'rehype-harden'
import remarkGfm from 'remark-gfm'
import remend from 'remend'
import { type Block, advance, noBlocks } from '@/lib/blocks'
import { fenceOf } from '@/lib/fence'
import { hasMaths } from '@/lib/maths'
import { CodeBlock } from './code'
import { Gradual } from './fetching'
import { late } from './late'
import { Picture } from './picture'
import { Scroll, columnsOf, head, rows, useWidths } from './table'
import { type Tree, textOf } from './tree'

const Maths = late(() => import('./maths'))

/** Shows Markdown that may still grow. */
export default function Markdown({ text, growing }: { text: string; growing: boolean }) {
  const [blocks, setBlocks] = useState(() => advance(noBlocks, text))
  if (blocks.text !== text) setBlocks(advance(blocks, text))
  const settledCount = blocks.settled.length
  // One flat list: a block keeps its key when it settles, so that it is not mounted anew.
  return sections([...blocks.settled, ...blocks.tail]).map(({ at, parts }) =>
    parts[0]?.head === undefined ? (
      <Part key={at} source={parts[0]?.source ?? ''} open={growing && at >= settledCount} />
    ) : (
      <Table key={at} parts={parts} />
    ),
  )
}

interface Section {
  /** The number of its first block. */
  at: number
  parts: Block[]
}

/** The blocks of a table belong together; any other stands alone. */
function sections(blocks: readonly Block[]): Section[] {
  const found: Section[] = []
  blocks.forEach((block, at) => {
    const last = found.at(-1)
    const isContinued = block.head !== undefined && !block.source.startsWith(block.head)
    if (isContinued && last?.parts[0]?.head === block.head) last?.parts.push(block)
    else found.push({ at, parts: [block] })
  })
  return found
}

const Part = memo(function Part({ source, open }: { source: string; open: boolean }) {
  if (source.trim() === '') return null
  const fence = fenceOf(source)
  if (fence) return <CodeBlock code={fence.code} language={fence.language} open={open && !fence.closed} />
  return (
    <div>
      <Formatted source={open ? remend(source, { linkMode: 'text-only', katex: false }) : source} />
    </div>
  )
})

/** After so many pieces a table keeps the widths that its columns have then: each new row would be weighed against all. */
const steady = 3

function Table({ parts }: { parts: Block[] }) {
  const table = useRef<HTMLTableElement>(null)
  const widths = useWidths(table, parts.length > steady)
  return (
    <Scroll>
      <table ref={table} role="table" {...(widths && { 'data-steady': '', style: columnsOf(widths) })}>
        <Piece source={parts[0]?.head ?? ''} components={headOnly} />
        {parts.map(({ source, head: names = '' }, index) => (
          <Piece key={index} source={source.startsWith(names) ? source : names + source} components={rowsOnly} />
        ))}
      </table>
    </Scroll>
  )
}

const Piece = memo(Formatted)

function Formatted({ source, components = whole }: { source: string; components?: Components }) {
  const plain = (
    <ReactMarkdown remarkPlugins={remarkPlugins} rehypePlugins={rehypePlugins} components={components}>
      {source}
    </ReactMarkdown>
  )
  if (!hasMaths(source)) return plain
  return (
    <Gradual meanwhile={plain}>
      <Maths source={source} remarkPlugins={remarkPlugins} rehypePlugins={rehypePlugins} components={components} />
    </Gradual>
  )
}

const remarkPlugins: ComponentProps<typeof ReactMarkdown>['remarkPlugins'] = [remarkGfm]

// Images come to `Picture` as they are, which loads none of another host.
const rehypePlugins: ComponentProps<typeof ReactMarkdown>['rehypePlugins'] = [
  [
    harden,
    { defaultOrigin: location.origin, allowedLinkPrefixes: ['*'], allowedImagePrefixes: ['*'], allowDataImages: false },
  ],
]

/** The page has its own first heading, so those of an answer stand one below. */
const lower = (Level: 'h2' | 'h3' | 'h4' | 'h5' | 'h6') =>
  function Heading({ children }: { children?: ReactNode }) {
    return <Level>{children}</Level>
  }

const whole: Components = {
  h1: lower('h2'),
  h2: lower('h3'),
  h3: lower('h4'),
  h4: lower('h5'),
  h5: lower('h6'),
  a: ({ node, children, ...rest }) => (
    <a {...rest} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  ),
  input: ({ checked }) => (
    <input type="checkbox" aria-label={checked ? 'Done' : 'To do'} checked={checked} disabled readOnly />
  ),
  img: ({ src, alt }) => <Picture src={src} alt={alt} />,
  table: ({ node, ...rest }) => (
    <Scroll>
      <table {...rest} />
    </Scroll>
  ),
  pre: ({ node }) => {
    const { code, language } = codeOf(node)
    return <CodeBlock code={code} language={language} open={false} />
  },
}
const headOnly: Components = { ...whole, ...head }
const rowsOnly: Components = { ...whole, ...rows }

/** Code that stands inside a list or a quote. */
function codeOf(node: Tree | undefined): { code: string; language: string | undefined } {
  const code = node?.children[0]
  const names = code?.type === 'element' ? code.properties.className : undefined
  const name = Array.isArray(names) ? names.map(String).find((each) => each.startsWith('language-')) : undefined
  return {
    code: (node?.children ?? []).map(textOf).join('').replace(/\n$/, ''),
    language: name?.slice('language-'.length).toLowerCase(),
  }
}
