import { type ComponentProps, memo, useState } from 'react'
import ReactMarkdown, { type Components, type ExtraProps } from 'react-markdown'
import { harden } from 'rehype-harden'
import remarkGfm from 'remark-gfm'
import remend from 'remend'
import { advance, noBlocks } from '@/lib/blocks'
import { CodeBlock } from './code'

/** Shows Markdown that may still grow. */
export default function Markdown({ text }: { text: string }) {
  const [blocks, setBlocks] = useState(() => advance(noBlocks, text))
  if (blocks.text !== text) setBlocks(advance(blocks, text))
  const settledCount = blocks.settled.length
  // One flat list: a block keeps its key when it settles, so that it is not mounted anew.
  return [...blocks.settled, ...blocks.tail].map((source, index) => (
    <Block key={index} source={source} open={index >= settledCount} />
  ))
}

const Block = memo(function Block({ source, open }: { source: string; open: boolean }) {
  if (source.trim() === '') return null
  return (
    <div>
      <ReactMarkdown remarkPlugins={remarkPlugins} rehypePlugins={rehypePlugins} components={components}>
        {open ? remend(source, { linkMode: 'text-only' }) : source}
      </ReactMarkdown>
    </div>
  )
})

const remarkPlugins = [remarkGfm]

// A model can be talked into sending what it knows to another host as the address of an image.
const rehypePlugins: ComponentProps<typeof ReactMarkdown>['rehypePlugins'] = [
  [
    harden,
    {
      defaultOrigin: location.origin,
      allowedLinkPrefixes: ['*'],
      allowedImagePrefixes: [location.origin],
      allowDataImages: false,
    },
  ],
]

const components: Components = {
  a: ({ node, children, ...rest }) => (
    <a {...rest} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  ),
  table: ({ node, ...rest }) => (
    <div
      tabIndex={0}
      role="region"
      aria-label="Table"
      className="scrollbar-thin my-4 overflow-x-auto rounded-xl border border-line"
    >
      <table {...rest} />
    </div>
  ),
  pre: ({ node }) => <CodeBlock code={textOf(node).replace(/\n$/, '')} language={languageOf(node)} />,
}

type Tree = NonNullable<ExtraProps['node']>

function textOf(node: Tree | Tree['children'][number] | undefined): string {
  if (!node) return ''
  if ('children' in node) return node.children.map(textOf).join('')
  return 'value' in node ? node.value : ''
}

function languageOf(node: Tree | undefined): string | undefined {
  const code = node?.children[0]
  const names = code?.type === 'element' ? code.properties.className : undefined
  const name = Array.isArray(names) ? names.map(String).find((each) => each.startsWith('language-')) : undefined
  return name?.slice('language-'.length)
}
