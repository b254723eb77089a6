import { Link } from 'wouter'
import type { Me } from '@/api/client'
import { sentence } from '@/api/errors'
import { entranceFrom } from '@/lib/next'
import { useMe } from '@/queries/me'
import { RetryNotice, Skeleton } from '@/ui/placeholder'
import { Appearance } from './appearance'
import { Deletion } from './deletion'
import { Keys } from './keys'
import { Links } from './links'
import { Models } from './models'
import { PasswordForm } from './password'
import { ProfileForm } from './profile'
import { Section } from './section'
import { Sessions } from './sessions'
import { Templates } from './templates'
import { Tokens } from './tokens'
import { Transfer } from './transfer'
import { UsageReport } from './usage'

export default function Settings() {
  const { data: me, error, refetch } = useMe()
  if (!me && error) {
    return (
      <RetryNotice title="Your settings could not be loaded" message={sentence(error)} onRetry={() => void refetch()} />
    )
  }
  return (
    <div className="scrollbar-thin flex-1 overflow-y-auto px-5 md:px-8">
      <title>Settings – Penstock</title>
      <div className="mx-auto max-w-4xl pt-8 pb-16 md:pt-12">
        <h1 className="text-2xl font-semibold tracking-tight">Settings</h1>
        <div className="mt-4 divide-y divide-line">{me ? <Sections me={me} /> : <Waiting />}</div>
      </div>
    </div>
  )
}

function Sections({ me }: { me: Me }) {
  const isAccount = me.isSignedIn && me.kind !== 'guest'
  return (
    <>
      {!isAccount && <NoAccount me={me} />}
      {me.isSignedIn && (
        <Section title="Profile" about="What you are called here.">
          <ProfileForm me={me} />
        </Section>
      )}
      {isAccount && (
        <Section title="Password" about="Changing it ends all your other sessions.">
          <PasswordForm me={me} />
        </Section>
      )}
      <Section title="Usage" about="What you have used of each limit, and when there is more.">
        <UsageReport />
      </Section>
      {me.kind !== 'anonymous' && (
        <Section
          id="keys"
          title="Keys"
          about="Your own keys for providers. They are used before those of this server, and shown to nobody."
        >
          <Keys />
        </Section>
      )}
      <Section
        id="models"
        title="Models"
        about="What can be asked here, and what a new chat begins with in this browser."
      >
        <Models me={me} />
      </Section>
      <Section
        id="templates"
        title="Templates"
        about="Texts that you use again. A slash at the beginning of a message offers them."
      >
        <Templates me={me} />
      </Section>
      <Section title="Shared links" about="Whoever has one of them can read what you shared, until it ends.">
        <Links />
      </Section>
      <Section title="Your data" about="Yours to take elsewhere, and to bring here.">
        <Transfer />
      </Section>
      <Section title="Appearance" about="In this browser.">
        <Appearance />
      </Section>
      {me.isSignedIn && (
        <Section
          title="Sessions"
          about="The browsers that are signed in as you. What one of them still reads ends with it."
        >
          <Sessions />
        </Section>
      )}
      {isAccount && (
        <Section title="API tokens" about="With a token, a program can use your chats as you can.">
          <Tokens />
        </Section>
      )}
      {me.isSignedIn && (
        <Section title="Delete account" about="This cannot be undone.">
          <Deletion me={me} />
        </Section>
      )}
    </>
  )
}

function NoAccount({ me }: { me: Me }) {
  return (
    <Section title="Account" about={aboutOf(me)}>
      <p className="text-sm leading-relaxed">{offerTo(me)}</p>
      <div className="mt-4 flex flex-wrap gap-3">
        {me.features.signUp && (
          <Link
            href={entranceFrom('/sign-up', '/settings', '')}
            className="inline-flex min-h-9 items-center rounded-lg bg-accent px-3.5 text-sm font-medium text-on-accent hover:bg-accent-strong"
          >
            Create an account
          </Link>
        )}
        <Link
          href={entranceFrom('/sign-in', '/settings', '')}
          className="inline-flex min-h-9 items-center rounded-lg border border-line bg-surface px-3.5 text-sm font-medium hover:bg-panel"
        >
          Sign in
        </Link>
      </div>
    </Section>
  )
}

function aboutOf({ kind }: Me): string {
  if (kind === 'owner') return 'You use this server as its owner, because you sit at it.'
  return kind === 'guest' ? 'You are here as a guest.' : 'You are not signed in.'
}

function offerTo({ kind }: Me): string {
  if (kind === 'owner') {
    return 'The first account is the owner’s. It keeps all that you have made here, and lets you use this server from other devices.'
  }
  const known = kind === 'guest' ? 'Only this browser knows you.' : 'Your chats belong to this browser alone.'
  return `${known} With an account you keep your chats, open them on all your devices, and can make API tokens.`
}

function Waiting() {
  return (
    <div role="status" aria-label="Loading your settings" className="flex flex-col gap-4 pt-8">
      {['w-1/3', 'w-full', 'w-4/5', 'w-2/3'].map((width) => (
        <Skeleton key={width} className={`h-5 ${width}`} />
      ))}
    </div>
  )
}
