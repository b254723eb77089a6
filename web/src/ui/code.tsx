import type { Tree } from '@lezer/common'
import { type RefObject, memo, useEffect, useRef, useState } from 'react'
import { lasting } from '@/lib/storage'
import type { Span } from './colours'
import { CopyButton, ToolButton } from './copy'
import { endingOf } from './languages'

/** Long code is shown in pieces of so many lines: one that grows does not touch those before it. */
const linesTogether = 40
/** How far from the screen code gets its colours. */
const margin = '800px'

interface CodeProps {
  code: string
  language: string | undefined
  /** It may still grow. */
  open: boolean
  /** Where it stands, when it is a file. */
  path?: string
}

export function CodeBlock({ code, language, open, path }: CodeProps) {
  const [wrap, setWrap] = useState(() => lasting.read('wrap') === 'yes')
  const box = useRef<HTMLDivElement>(null)
  const near = useNear(box)
  const colours = useColours(code, language, near && !open)
  const toggle = (): void => {
    lasting.write('wrap', wrap ? null : 'yes')
    setWrap(!wrap)
  }
  return (
    <div ref={box} data-testid="code" className="my-4 overflow-hidden rounded-xl border border-line bg-code">
      <div className="flex items-center gap-1 border-b border-line py-0.5 ps-4 pe-1">
        <span className="me-auto truncate font-mono text-xs text-muted">{path ?? language ?? 'text'}</span>
        <ToolButton icon="wrap" label="Wrap lines" pressed={wrap} onClick={toggle} />
        <ToolButton
          icon="download"
          label="Download"
          onClick={() => {
            download(code, path?.split('/').at(-1) ?? `code.${endingOf(language)}`)
          }}
        />
        <CopyButton text={() => code} label="Copy code" />
      </div>
      <pre
        tabIndex={0}
        className={`scrollbar-thin overflow-x-auto px-4 py-3.5 text-[0.84rem] leading-[1.6] ${wrap ? 'break-words whitespace-pre-wrap' : ''}`}
      >
        <code className="font-mono">
          {piecesOf(code).map(({ from, text }, index, { length }) => (
            <Piece key={index} text={text} from={from} last={index === length - 1} colours={colours} />
          ))}
        </code>
      </pre>
    </div>
  )
}

interface Colours {
  tree: Tree
  /** What has been read; it may have grown since. */
  code: string
  spansOf: (tree: Tree, code: string, from: number, to: number) => Span[]
}

interface PieceProps {
  text: string
  from: number
  last: boolean
  colours: Colours | undefined
}

const Piece = memo(function Piece({ text, from, last, colours }: PieceProps) {
  const box = useRef<HTMLSpanElement>(null)
  const near = useNear(box)
  const spans = near && colours ? colours.spansOf(colours.tree, colours.code, from, from + text.length) : undefined
  return (
    <span ref={box} className="block">
      {spans ? spans.map(({ text: part, role }, index) => <Coloured key={index} text={part} role={role} />) : text}
      {/* The break between two pieces is there for whoever copies, and makes no empty line. */}
      {!last && '\n'}
    </span>
  )
})

function Coloured({ text, role }: Span) {
  return role === '' ? text : <span className={role}>{text}</span>
}

interface PlacedText {
  from: number
  text: string
}

function piecesOf(code: string): PlacedText[] {
  const pieces: PlacedText[] = []
  let from = 0
  for (;;) {
    let end = from
    for (let line = 0; line < linesTogether && end >= 0; line += 1) end = code.indexOf('\n', line === 0 ? end : end + 1)
    if (end < 0) return [...pieces, { from, text: code.slice(from) }]
    pieces.push({ from, text: code.slice(from, end) })
    from = end + 1
  }
}

/** Reads the code for its colours once it is wanted. */
function useColours(code: string, language: string | undefined, wanted: boolean): Colours | undefined {
  const [colours, setColours] = useState<Colours>()
  useEffect(() => {
    if (!wanted) return
    const abort = new AbortController()
    void import('./colours').then(async ({ read, spansOf }) => {
      const tree = await read(code, language, abort.signal)
      if (tree && !abort.signal.aborted) setColours({ tree, code, spansOf })
    })
    return () => {
      abort.abort()
    }
  }, [code, language, wanted])
  return colours?.code === code ? colours : undefined
}

/** Whether it has come near the screen. */
function useNear(element: RefObject<HTMLElement | null>): boolean {
  const [near, setNear] = useState(false)
  useEffect(() => {
    if (near || !element.current) return
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setNear(true)
      },
      { rootMargin: margin },
    )
    observer.observe(element.current)
    return () => {
      observer.disconnect()
    }
  }, [element, near])
  return near
}

function download(text: string, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}
