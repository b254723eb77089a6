/** The sign of Penstock: water that comes in level and leaves with force. */
export function Mark({ className = 'size-7' }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={`shrink-0 ${className}`} aria-hidden="true">
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <g fill="none" className="stroke-on-accent" strokeLinecap="round" strokeWidth="2.6">
        <path d="M7 8.5h5.5a4 4 0 0 1 3.6 2.2l4.6 9.1a4 4 0 0 0 3.6 2.2h.7" />
        <path d="M7 14.2h2.6a3 3 0 0 1 2.7 1.6l3.9 7.7" opacity=".75" />
        <path d="M19.5 8.5H25" opacity=".75" />
      </g>
    </svg>
  )
}
