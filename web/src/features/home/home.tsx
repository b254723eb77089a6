import { Link } from 'wouter'
import { Mark } from '@/ui/mark'
import { BuildAsk } from './build'
import { ChatAsk } from './chat'

type Mode = 'chat' | 'build'

const modes = [
  { mode: 'chat', href: '/', name: 'Chat' },
  { mode: 'build', href: '/ask', name: 'Build an API' },
] as const

/** Where one begins: with a question, or with something to be built. */
export function Home({ mode }: { mode: Mode }) {
  return (
    <div className="scrollbar-thin flex flex-1 flex-col overflow-y-auto px-4">
      <title>Penstock</title>
      <div className="mx-auto flex w-full max-w-2xl flex-1 flex-col justify-center gap-6 py-10">
        <header className="flex flex-col items-center gap-4 text-center">
          <Mark className="size-12" />
          <h1 className="text-2xl font-semibold tracking-tight text-balance sm:text-3xl">
            {mode === 'chat' ? 'What would you like to work out?' : 'Which API shall be built?'}
          </h1>
          <Modes mode={mode} />
        </header>
        {mode === 'chat' ? <ChatAsk /> : <BuildAsk />}
      </div>
    </div>
  )
}

function Modes({ mode }: { mode: Mode }) {
  return (
    <nav aria-label="What to begin" className="flex gap-1 rounded-xl border border-line bg-panel p-1">
      {modes.map((each) => (
        <Link
          key={each.mode}
          href={each.href}
          aria-current={each.mode === mode ? 'page' : undefined}
          className="rounded-lg px-3.5 py-1.5 text-sm font-medium text-muted hover:text-ink aria-[current]:bg-surface aria-[current]:text-ink"
        >
          {each.name}
        </Link>
      ))}
    </nav>
  )
}
