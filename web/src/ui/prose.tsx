import { Gradual } from './fetching'
import { late } from './late'

const Markdown = late(() => import('./markdown'))

/** Markdown, as plain text until its renderer is there. */
export function Prose({ text, growing }: { text: string; growing: boolean }) {
  return (
    <div className="prose" data-testid="message-text">
      <Gradual meanwhile={<p className="whitespace-pre-wrap">{text}</p>}>
        <Markdown text={text} growing={growing} />
      </Gradual>
    </div>
  )
}
