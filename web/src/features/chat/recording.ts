/** What there is to tell of how an answer was made. */
import { moment } from '@/lib/times'
import type { Facts, Metadata, Status } from '@/streams/message'

interface Line {
  name: string
  value: string
}

const keySources = { own: 'Yours', house: 'This server’s', none: 'None needed' }

const endings: Partial<Record<Status, string>> = {
  stopped: 'Stopped by you',
  failed: 'Failed',
  interrupted: 'Interrupted',
}

const settingNames: Record<string, string> = {
  temperature: 'Temperature',
  maxTokens: 'Longest answer',
  systemPrompt: 'Instructions',
  reasoningEffort: 'Reasoning',
}

/** Only what is known: an answer that has not ended, or came from an older server, tells less. */
export function linesOf({ model, finishReason }: Metadata, facts: Facts, status: Status): Line[] {
  const { record, usage } = facts
  const lines: [string, string | undefined | null][] = [
    ['Model', record?.model ?? model],
    ['Provider', record?.provider],
    ['Route', record?.route],
    ['Instead of the first, for', record?.reason?.replaceAll('_', ' ')],
    ['Key', record && keySources[record.keySource]],
    ['Read', usage && tokens(usage.inputTokens)],
    ['Written', usage && tokens(usage.outputTokens)],
    ['Cost', record && costOf(record.cost)],
    ['First word after', record?.firstTokenMs == null ? undefined : seconds(record.firstTokenMs)],
    ['Took', record && seconds(record.totalMs)],
    ...Object.entries(facts.settings).map(([name, value]): [string, string] => [
      settingNames[name] ?? name,
      shortened(String(value)),
    ]),
    ['Ended', endings[status] ?? (finishReason === 'length' ? 'At its greatest length' : undefined)],
    ['Asked', moment(new Date(facts.createdAt))],
  ]
  return lines.flatMap(([name, value]) => (value == null ? [] : [{ name, value }]))
}

/** Prices are of the list; most answers cost less than a cent. */
export function costOf(dollars: number | null): string {
  if (dollars === null) return 'Not known'
  if (dollars === 0) return 'Nothing'
  if (dollars < 0.0001) return 'Less than $0.0001'
  return `$${dollars.toFixed(dollars < 0.1 ? 4 : 2)}`
}

export function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`
}

function tokens(count: number): string {
  return `${count.toLocaleString()} ${count === 1 ? 'token' : 'tokens'}`
}

function shortened(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
