/** A place in a run's log, `<runId>:<offset>`, as it stands in the id of a frame (CF1). */
export interface Cursor {
  run: string
  offset: string
}

/** Before everything (RD1). */
export const firstOffset = '0'.repeat(16)

export function parseCursor(id: string): Cursor | undefined {
  const colon = id.lastIndexOf(':')
  return colon > 0 ? { run: id.slice(0, colon), offset: id.slice(colon + 1) } : undefined
}

export function formatCursor({ run, offset }: Cursor): string {
  return `${run}:${offset}`
}

/** Offsets have a fixed width, so their text order is their order (RD1). */
export function isNew(cursor: Cursor, seen: Cursor | undefined): boolean {
  return seen?.run !== cursor.run || cursor.offset > seen.offset
}
