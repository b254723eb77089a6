/** The models in words: what each can do and costs, and with whose key it is asked. */
import type { Model, ModelCatalogue } from '@/api/client'

export type Provider = ModelCatalogue['providers'][number]

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const dollars = new Intl.NumberFormat('en', {
  style: 'currency',
  currency: 'USD',
  minimumFractionDigits: 2,
  maximumFractionDigits: 3,
})

/** The models that have every word in their names or ids, or in their provider's; providers without any are left out. */
export function matching(providers: readonly Provider[], query: string): Provider[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  return providers
    .map((provider) => ({
      ...provider,
      models: provider.models.filter(({ id, name }) => {
        const text = `${provider.name} ${name} ${id}`.toLowerCase()
        return words.every((word) => text.includes(word))
      }),
    }))
    .filter(({ models }) => models.length > 0)
}

/** What is known of a model, the most asked for first. */
export function abilitiesOf({ capabilities: can, sees }: Model): string[] {
  // Pictures are offered to a model that nobody has described: the figures of such a one are assumed.
  if (sees && !can.images) return ['Its abilities are not known']
  return [
    `${compact.format(can.contextWindow)} tokens of context`,
    ...(can.maxOutput === null ? [] : [`${compact.format(can.maxOutput)} of answer`]),
    ...(can.reasoning ? ['Reasons'] : []),
    ...(can.images ? ['Sees pictures'] : []),
    ...(can.tools ? ['Calls tools'] : []),
  ]
}

export function priceOf({ price }: Model): string | undefined {
  return price ? `${dollars.format(price.input)} in, ${dollars.format(price.output)} out` : undefined
}

const keyNames = { own: 'Your key', house: 'This server’s key', none: 'No key needed' }

/** Nothing for routes: each of their models has a key of its own. */
export function keyOf({ keySource, needsKey }: Provider): string | undefined {
  if (keySource !== null) return keyNames[keySource]
  return needsKey ? 'No key' : undefined
}
