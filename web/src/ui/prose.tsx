import { Suspense, lazy } from 'react'

const Markdown = lazy(() => import('./markdown'))

/** Markdown, as plain text until its renderer is there. */
export function Prose({ text, growing }: { text: string; growing: boolean }) {
  return (
    <div className="prose" data-testid="message-text">
      <Suspense fallback={<p className="whitespace-pre-wrap">{text}</p>}>
        <Markdown text={text} growing={growing} />
      </Suspense>
    </div>
  )
}
