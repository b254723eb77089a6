// Checks that the first load, the entry and what it imports at once, stays small.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const limit = 250
const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))

const kilobytes = (file) => gzipSync(readFileSync(new URL(file, dist))).length / 1024

function reach(key, seen = new Set()) {
  if (seen.has(key)) return seen
  seen.add(key)
  for (const next of manifest[key].imports ?? []) reach(next, seen)
  return seen
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry)
const scripts = [...reach(entry)].map((key) => manifest[key].file).filter((file) => file.endsWith('.js'))
const total = scripts.reduce((sum, file) => sum + kilobytes(file), 0)
const sentence = `The first load is ${total.toFixed(1)} KB of gzipped script; the limit is ${limit} KB.`

if (total > limit) {
  console.error(sentence)
  process.exit(1)
}
console.log(sentence)
