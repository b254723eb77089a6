/** How a model shall answer, and what a model takes of that. */
export interface Settings {
  temperature?: number
  maxTokens?: number
  systemPrompt?: string
  reasoningEffort?: Effort
}

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const
export type Effort = (typeof efforts)[number]

interface Capabilities {
  sampling: boolean
  maxTemperature: number
  reasoning: boolean
  efforts: readonly string[] | null
  maxOutput: number | null
  contextWindow: number
}

/** What is left out of the settings is refused by this model. */
export function fitting(settings: Settings, can: Capabilities | undefined): Settings {
  const { temperature, maxTokens, systemPrompt, reasoningEffort } = settings
  const most = can ? (can.maxOutput ?? can.contextWindow) : Infinity
  return {
    ...(systemPrompt !== undefined && { systemPrompt }),
    ...(temperature !== undefined &&
      can?.sampling !== false && { temperature: Math.min(temperature, can?.maxTemperature ?? Infinity) }),
    ...(maxTokens !== undefined && { maxTokens: Math.min(maxTokens, most) }),
    ...(reasoningEffort !== undefined && effortsOf(can).includes(reasoningEffort) && { reasoningEffort }),
  }
}

/** How long a model can be told to reason: whatever is asked, of one that nobody knows. */
export function effortsOf(can: Pick<Capabilities, 'reasoning' | 'efforts'> | undefined): readonly Effort[] {
  if (can?.reasoning === false) return []
  return efforts.filter((effort) => can?.efforts?.includes(effort) ?? true)
}

/** Settings as they were stored, whoever stored them. */
export function settingsFrom(stored: unknown): Settings {
  const { temperature, maxTokens, systemPrompt, reasoningEffort } = (stored ?? {}) as Record<string, unknown>
  return {
    ...(typeof systemPrompt === 'string' && systemPrompt !== '' && { systemPrompt }),
    ...(typeof temperature === 'number' && { temperature }),
    ...(typeof maxTokens === 'number' && { maxTokens }),
    ...(isEffort(reasoningEffort) && { reasoningEffort }),
  }
}

function isEffort(value: unknown): value is Effort {
  return efforts.includes(value as Effort)
}
