import { Link, Route, Switch } from 'wouter'
import { ChatScreen } from '@/features/chat/chat'
import { Home } from '@/features/home/home'
import { Notice } from '@/ui/placeholder'

export function Router() {
  return (
    <Switch>
      <Route path="/">
        <Home />
      </Route>
      <Route path="/ask">
        <Home />
      </Route>
      <Route path="/chats/:chatId">{({ chatId }) => <ChatScreen key={chatId} chatId={chatId} />}</Route>
      <Route>
        <Missing />
      </Route>
    </Switch>
  )
}

function Missing() {
  return (
    <Notice
      title="There is nothing here"
      action={
        <Link href="/" className="rounded-lg bg-accent px-4 py-2 text-sm font-medium text-on-accent">
          Go to the start page
        </Link>
      }
    >
      <title>Page not found – Penstock</title>
      The address may be mistyped, or the page has moved.
    </Notice>
  )
}
