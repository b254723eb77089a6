import { Link } from 'wouter'
import { Notice } from './placeholder'

/** What stands at every address that is nothing, or nothing for whoever asks. */
export function Missing() {
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
