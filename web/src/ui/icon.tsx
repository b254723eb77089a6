const shapes = {
  plus: 'M12 5v14M5 12h14',
  menu: 'M4 7h16M4 12h16M4 17h10',
  close: 'M6 6l12 12M18 6L6 18',
  pencil: 'M4 20l1-4L16 5l3 3L8 19l-4 1zM14 7l3 3',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z',
  up: 'M12 19V5M6 11l6-6 6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  check: 'M5 13l4 4L19 7',
  again: 'M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5',
  forward: 'M7 5l11 7-11 7z',
  chevron: 'M7 10l5 5 5-5',
  out: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
  into: 'M14 4h5v16h-5M10 8l4 4-4 4M14 12H4',
  settings:
    'M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM5 20c.6-3.6 3.3-5.5 7-5.5s6.4 1.9 7 5.5',
  inbox: 'M4 14l3-9h10l3 9v5H4zM4 14h4.5l1.5 2.5h4l1.5-2.5H20',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 8.5v.5',
  wrap: 'M4 6h16M4 12h13a3 3 0 0 1 0 6h-4M15.5 15.5L13 18l2.5 2.5M4 18h4',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  queue: 'M4 6h10M4 11h10M4 16h6M17 12v8M14 17l3 3 3-3',
  bolt: 'M13 3L6 13.5h5L10.5 21 18 10h-5.5z',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.5',
  thought: 'M9 18h6M10 21h4M12 3a6 6 0 0 0-3.6 10.8c.4.4.6.9.6 1.7h6c0-.8.2-1.3.6-1.7A6 6 0 0 0 12 3z',
  left: 'M14 7l-5 5 5 5',
  right: 'M10 7l5 5-5 5',
  like: 'M7 11v9H4v-9zM7 11l4-7c1.7 0 2.6 1.2 2.2 2.8L12.5 10H19c1 0 1.6.9 1.3 1.9l-2 6.6c-.3.9-1 1.5-2 1.5H7',
  dislike: 'M7 13V4H4v9zM7 13l4 7c1.7 0 2.6-1.2 2.2-2.8L12.5 14H19c1 0 1.6-.9 1.3-1.9l-2-6.6C18 4.6 17.3 4 16.3 4H7',
  smile: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM9 10v.5M15 10v.5M8.5 14.5c1.8 2.3 5.2 2.3 7 0',
  info: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 11v5M12 8v.5',
  more: 'M5.2 12a.8.8 0 1 0 1.6 0 .8.8 0 0 0-1.6 0zM11.2 12a.8.8 0 1 0 1.6 0 .8.8 0 0 0-1.6 0zM17.2 12a.8.8 0 1 0 1.6 0 .8.8 0 0 0-1.6 0z',
  speaker: 'M5 10v4h3l4 4V6l-4 4zM15.5 9.5a4 4 0 0 1 0 5M18 7a7.5 7.5 0 0 1 0 10',
  microphone:
    'M12 4a2.5 2.5 0 0 0-2.5 2.5v5a2.5 2.5 0 0 0 5 0v-5A2.5 2.5 0 0 0 12 4zM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3',
  clip: 'M18 11l-6.5 6.5a3.9 3.9 0 0 1-5.5-5.5L13 5a2.6 2.6 0 0 1 3.7 3.7l-7 7a1.3 1.3 0 0 1-1.9-1.9L14 7.5',
  sliders: 'M6 4v8M6 16v4M12 4v3M12 11v9M18 4v10M18 18v2M4 14h4M10 9h4M16 16h4',
  folder: 'M4 6h5l2 2.5h9V18H4z',
  tag: 'M4 4h7l9 9-7 7-9-9zM8 8v.01',
  pin: 'M9 4h6l-.7 6 3.2 3.5h-11L9.7 10zM12 13.5V20',
  archive: 'M4 5h16v4H4zM5.5 9v10h13V9M10 13h4',
  share: 'M12 15V4M8 7.5L12 4l4 3.5M6 12v8h12v-8',
  search: 'M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15.5 15.5L20 20',
  select: 'M4 5h6v6H4zM4 14h6v6H4zM14 8h6M14 17h6',
  filter: 'M4 6h16M7 12h10M10 18h4',
  text: 'M5 6h14M12 6v13M9 19h6',
  keyboard: 'M3 7h18v10H3zM7 10.5v.01M11 10.5v.01M15 10.5v.01M8 14h8',
  columns: 'M4 5h7v14H4zM13 5h7v14h-7z',
  warning: 'M12 4l9 16H3zM12 10v4M12 17v.5',
}

export type IconName = keyof typeof shapes

export function Icon({ name, className = 'size-4' }: { name: IconName; className?: string }) {
  return (
    <svg
      viewBox="0 0 24 24"
      className={`shrink-0 ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={shapes[name]} />
    </svg>
  )
}
