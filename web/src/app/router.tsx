import { Suspense } from 'react'
import { Route, Switch, useLocation } from 'wouter'
import { sentence } from '@/api/errors'
import { ChatScreen } from '@/features/chat/chat'
import { Home } from '@/features/home/home'
import { FetchBoundary } from '@/ui/fetching'
import { late } from '@/ui/late'
import { Missing } from '@/ui/missing'
import { RetryNotice, Skeleton } from '@/ui/placeholder'

const SignIn = late(() => import('@/features/auth/signin'))
const SignUp = late(() => import('@/features/auth/signup'))
const Settings = late(() => import('@/features/settings/settings'))
const Projects = late(() => import('@/features/projects/list'))
const Project = late(() => import('@/features/projects/project'))
const Inbox = late(() => import('@/features/admin/inbox'))

export function Router() {
  const [page] = useLocation()
  return (
    <FetchBoundary
      page={page}
      fallback={(onRetry) => (
        <RetryNotice title="This page could not be loaded" message={sentence(undefined)} onRetry={onRetry} />
      )}
    >
      <Suspense fallback={<Loading />}>
        <Switch>
          <Route path="/">
            <Home mode="chat" />
          </Route>
          <Route path="/ask">
            <Home mode="build" />
          </Route>
          <Route path="/chats/:chatId">{({ chatId }) => <ChatScreen key={chatId} chatId={chatId} />}</Route>
          <Route path="/projects">
            <Projects />
          </Route>
          <Route path="/projects/:projectId">
            {({ projectId }) => <Project key={projectId} projectId={projectId} />}
          </Route>
          <Route path="/sign-in">
            <SignIn />
          </Route>
          <Route path="/sign-up">
            <SignUp />
          </Route>
          <Route path="/settings">
            <Settings />
          </Route>
          <Route path="/admin/errors">
            <Inbox />
          </Route>
          <Route>
            <Missing />
          </Route>
        </Switch>
      </Suspense>
    </FetchBoundary>
  )
}

function Loading() {
  return (
    <div
      role="status"
      aria-label="Loading the page"
      className="mx-auto flex w-full max-w-3xl flex-col gap-4 px-6 py-12"
    >
      <Skeleton className="h-7 w-40" />
      <Skeleton className="h-4 w-full" />
      <Skeleton className="h-4 w-3/5" />
    </div>
  )
}
