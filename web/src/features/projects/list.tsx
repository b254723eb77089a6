import { useState } from 'react'
import { Link } from 'wouter'
import { sentence } from '@/api/errors'
import { useDeleteProject, useProjects } from '@/queries/projects'
import { Button, IconButton } from '@/ui/button'
import { Confirm } from '@/ui/confirm'
import { Notice, RetryNotice, Skeleton } from '@/ui/placeholder'
import { When } from '@/ui/when'

/** All that one has asked to be built, the latest first. */
export default function ProjectsScreen() {
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useProjects()
  const [leaving, setLeaving] = useState<Leaving>()
  if (!data) {
    if (!error) return <Waiting />
    return (
      <RetryNotice title="Your projects could not be loaded" message={sentence(error)} onRetry={() => void refetch()} />
    )
  }
  const projects = data.pages.flatMap(({ items }) => items)
  if (projects.length === 0) {
    return (
      <Notice
        title="You have no projects yet"
        action={
          <Link href="/ask" className="rounded-lg bg-accent px-4 py-2 text-sm font-medium text-on-accent">
            Build an API
          </Link>
        }
      >
        <title>Projects – Penstock</title>
        Say what you want, and it is written, checked and started.
      </Notice>
    )
  }
  return (
    <div className="scrollbar-thin flex-1 overflow-y-auto px-4 py-8">
      <title>Projects – Penstock</title>
      <div className="mx-auto w-full max-w-2xl">
        <header className="mb-5 flex items-center justify-between">
          <h1 className="text-xl font-semibold">Projects</h1>
          <Link href="/ask" className="rounded-lg bg-accent px-4 py-2 text-sm font-medium text-on-accent">
            Build an API
          </Link>
        </header>
        <ul className="flex flex-col gap-2">
          {projects.map(({ id, title, stack, updatedAt }) => (
            <li key={id} className="flex items-center gap-1">
              <Link
                href={`/projects/${id}`}
                className="flex min-w-0 flex-1 items-center gap-3 rounded-xl border border-line bg-surface px-4 py-3 transition-colors hover:border-accent"
              >
                <span className="min-w-0 flex-1 truncate text-sm font-medium">{title}</span>
                <span className="text-xs text-muted">{stack === 'python' ? 'Python' : 'Node'}</span>
                <span className="text-xs text-muted">
                  <When at={new Date(updatedAt)} />
                </span>
              </Link>
              <IconButton
                icon="trash"
                label={`Delete ${title}`}
                onClick={() => {
                  setLeaving({ id, title })
                }}
              />
            </li>
          ))}
        </ul>
        {hasNextPage && (
          <Button className="mt-4" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Show more
          </Button>
        )}
        {leaving && (
          <DeleteDialog
            project={leaving}
            onClose={() => {
              setLeaving(undefined)
            }}
          />
        )}
      </div>
    </div>
  )
}

interface Leaving {
  id: string
  title: string
}

function DeleteDialog({ project, onClose }: { project: Leaving; onClose: () => void }) {
  const { mutate: remove, error, isPending } = useDeleteProject()
  return (
    <Confirm
      title="Delete this project?"
      confirm="Delete"
      keep="Keep it"
      busy={isPending}
      error={error ? sentence(error) : undefined}
      onConfirm={() => {
        remove(project.id, { onSuccess: onClose })
      }}
      onClose={onClose}
    >
      “{project.title}” with all its versions and what was said about it will be gone. This cannot be undone.
    </Confirm>
  )
}

function Waiting() {
  return (
    <div
      role="status"
      aria-label="Loading your projects"
      className="mx-auto flex w-full max-w-2xl flex-col gap-3 px-4 py-12"
    >
      {['one', 'two', 'three'].map((key) => (
        <Skeleton key={key} className="h-12 w-full" />
      ))}
    </div>
  )
}
