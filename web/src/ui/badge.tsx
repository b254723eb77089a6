import type { ReactNode } from 'react'

export function Badge({ children }: { children: ReactNode }) {
  return (
    <span className="rounded-full bg-soft px-2 py-0.5 text-xs font-semibold text-accent-strong dark:text-accent">
      {children}
    </span>
  )
}
