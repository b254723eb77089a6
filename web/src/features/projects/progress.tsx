import { type Build, phases } from '@/streams/build'
import { Icon } from '@/ui/icon'

/** How far the making of a version is. */
export function Progress({ build }: { build: Build }) {
  const at = phases.indexOf(build.phase)
  const done = build.files.filter(({ state }) => state === 'done').length
  const writing = build.files.some(({ state }) => state === 'writing')
  return (
    <div
      data-testid="progress"
      className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2 text-xs"
    >
      <ol aria-label="Progress" className="flex flex-wrap gap-x-4 gap-y-1">
        {phases.map((phase, index) => (
          <li
            key={phase}
            aria-current={index === at ? 'step' : undefined}
            className={`flex items-center gap-1.5 ${index === at ? 'font-semibold' : 'text-muted'}`}
          >
            {index < at || build.phase === 'Complete' ? (
              <Icon name="check" className="size-3.5 text-accent" />
            ) : (
              <span
                className={`size-2 rounded-full ${index === at ? 'animate-pulse bg-accent' : 'border border-muted'}`}
              />
            )}
            {phase}
          </li>
        ))}
      </ol>
      <p role="status" className="text-muted tabular-nums">
        {build.problem?.message ?? [build.step, counted(done, writing)].filter(Boolean).join(' · ')}
      </p>
    </div>
  )
}

function counted(done: number, writing: boolean): string | undefined {
  if (done === 0 && !writing) return undefined
  return `${done} ${done === 1 ? 'file' : 'files'} written${writing ? ', one on its way' : ''}`
}
