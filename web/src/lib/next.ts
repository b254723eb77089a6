/** Where to go after signing in: named in the address, so never anywhere but to a page of ours. */
const param = 'next'
const entrances = ['/sign-in', '/sign-up']

/** The page that an address names, or the start page. Browsers read `//` and `/\` as another host. */
export function nextOf(search: string): string {
  const next = new URLSearchParams(search).get(param) ?? '/'
  return /^\/(?![/\\])[^\s\\]*$/.test(next) && !isEntrance(next) ? next : '/'
}

/** The address of an entrance from which one comes back to a page; from another entrance, to the page that it names. */
export function entranceFrom(entrance: '/sign-in' | '/sign-up', page: string, search: string): string {
  const next = isEntrance(page) ? nextOf(search) : page
  return next === '/' ? entrance : `${entrance}?${new URLSearchParams({ [param]: next }).toString()}`
}

export function isEntrance(page: string): boolean {
  return entrances.includes(page.replace(/[?#].*$/, ''))
}
