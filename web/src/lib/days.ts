/** Groups what is sorted newest first under headings that a person would use. */
export interface Group<T> {
  heading: string
  items: T[]
}

const day = 86_400_000

export function groupByDay<T>(items: readonly T[], dateOf: (item: T) => string, now: Date): Group<T>[] {
  const groups: Group<T>[] = []
  for (const item of items) {
    const heading = headingOf(new Date(dateOf(item)), now)
    const group = groups.at(-1)
    if (group?.heading === heading) group.items.push(item)
    else groups.push({ heading, items: [item] })
  }
  return groups
}

function headingOf(date: Date, now: Date): string {
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime()
  const age = today - date.getTime()
  if (age <= 0) return 'Today'
  if (age <= day) return 'Yesterday'
  if (age <= 7 * day) return 'Last seven days'
  return 'Earlier'
}
