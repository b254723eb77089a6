import type { ProjectContext, ProjectContextBody } from '@/api/projects'
import { useProjectContextPreview } from '@/queries/context'
import { Meter, Row, SentSheet } from '../composer/sent'

interface ProjectSentSheetProps {
  projectId: string
  body: ProjectContextBody
  onClose: () => void
}

/** What the model would read if the next version were asked for now, what not, and why. */
export default function ProjectSentSheet({ projectId, body, onClose }: ProjectSentSheetProps) {
  const { data, error, refetch } = useProjectContextPreview(projectId, body)
  return (
    <SentSheet error={error} onRetry={() => void refetch()} onClose={onClose}>
      {data && <Shown context={data} />}
    </SentSheet>
  )
}

function Shown({
  context: { window: room, used, filesBudget, filesUsed, files, routes, turns },
}: {
  context: ProjectContext
}) {
  const said = turns.slice(1)
  return (
    <>
      <p className="text-sm tabular-nums">
        About {used.toLocaleString()} of {room.toLocaleString()} tokens
        <span className="text-muted">
          {' '}
          that the model can take; files are {filesUsed.toLocaleString()} of at most {filesBudget.toLocaleString()}.
        </span>
      </p>
      <Meter used={used} room={room} />
      <ol data-testid="sent-items" className="mt-2 divide-y divide-line">
        {said.toReversed().map(({ role, text }, index) => (
          <li key={said.length - index}>
            <Row
              role={index === 0 ? 'Not sent yet' : role === 'assistant' ? 'Answer' : 'You'}
              text={text}
              note=""
              isSent
            />
          </li>
        ))}
        {routes !== '' && (
          <li>
            <Row role="Routes" text={routes} note="in place of what is not shown" isSent />
          </li>
        )}
        {files.map(({ path, isShown, reason, tokens }) => (
          <li key={path}>
            <Row role="File" text={path} note={noteOf(reason, tokens)} isSent={isShown} />
          </li>
        ))}
        <li>
          <Row
            role="Rules"
            text="How files are to be written, what is locked, and the stack"
            note="goes first"
            isSent
          />
        </li>
      </ol>
    </>
  )
}

type Reason = ProjectContext['files'][number]['reason']

const whyShown: Partial<Record<Reason, string>> = {
  failing: ', has errors',
  mentioned: ', named by the prompt',
  route: ', serves what the prompt is about',
  imported: ', imported by one of those',
  changed: ', changed last',
}

const whyNot: Partial<Record<Reason, string>> = {
  'no-room': 'does not fit',
  'not-text': 'no text',
  'not-needed': 'not needed for words',
}

function noteOf(reason: Reason, tokens: number): string {
  return whyNot[reason] ?? `${tokens.toLocaleString()}${whyShown[reason] ?? ''}`
}
