// Completes package-lock.json after `npm install`: builds for other platforms that the registry at hand does not carry are
// left out by npm, and `npm ci` then refuses the lock everywhere, although nothing here needs them. Addresses go: a lock
// says what is installed, by version and hash, and not where it comes from.
import { readFileSync, writeFileSync } from 'node:fs'

const path = process.argv[2] ?? new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))
const packages = lock.packages

/** `@scope/name-linux-x64-musl` says all that npm has to know to skip the package elsewhere. */
function build(name, version, dev) {
  const [, os, cpu, libc] = /(android|darwin|freebsd|linux|openharmony|win32|wasm32)-?(\w*)-?(\w*)$/.exec(name) ?? []
  if (os === undefined) return undefined
  const common = { version, ...(dev && { dev }), optional: true }
  if (os === 'wasm32') return { ...common, cpu: ['wasm32'] }
  const isMusl = libc.startsWith('musl')
  return { ...common, cpu: [cpu], ...(os === 'linux' && { libc: [isMusl ? 'musl' : 'glibc'] }), os: [os] }
}

for (const [parent, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
  delete packages[parent].funding
  delete packages[parent].resolved
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const isListed = [`node_modules/${name}`, `${parent}/node_modules/${name}`].some((key) => key in packages)
    const entry = isListed ? undefined : build(name, version, dev)
    if (entry) packages[`node_modules/${name}`] = entry
  }
}

const { '': root, ...rest } = packages
const sorted = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))
writeFileSync(path, JSON.stringify({ ...lock, packages: { '': root, ...Object.fromEntries(sorted) } }, null, 2) + '\n')
