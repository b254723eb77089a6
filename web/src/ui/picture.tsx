import { Icon } from './icon'

/**
 * A picture that Markdown names. A model can be talked into sending what it knows to another host as the address of a
 * picture, so none is loaded here: a person is shown where it would lead, and may go there.
 */
export function Picture({ src, alt }: { src: string | Blob | undefined; alt: string | undefined }) {
  const url = typeof src === 'string' && URL.canParse(src, location.origin) ? new URL(src, location.origin) : undefined
  const about = alt === undefined || alt === '' ? 'Picture' : alt
  if (!url || !/^https?:$/.test(url.protocol)) return <span className="text-muted">[{about}]</span>
  return (
    <a
      href={url.href}
      target="_blank"
      rel="noreferrer noopener"
      title={url.href}
      data-testid="external-image"
      className="picture my-1 inline-flex max-w-full items-center gap-3 rounded-xl border border-dashed border-line px-3 py-2 text-sm"
    >
      <Icon name="image" className="size-5 text-muted" />
      <span className="min-w-0">
        <span className="block truncate font-medium text-ink">{about}</span>
        <span className="block truncate text-muted">Not loaded. Open it at {url.host}</span>
      </span>
    </a>
  )
}
