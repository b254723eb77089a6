import type { Model, ModelCatalogue } from '@/api/client'
import { findModel } from '@/queries/models'

export interface Suggestion {
  title: string
  text: string
  /** The model to ask, when it is not the chosen one. */
  model?: string
}

const forModels: readonly Suggestion[] = [
  { title: 'Understand', text: 'How does a water turbine turn a fall into electricity?' },
  { title: 'Write code', text: 'Write a Python function that merges overlapping intervals, with tests.' },
  { title: 'Compare', text: 'Compare three ways to store measurements over time, as a table.' },
  { title: 'Plan', text: 'Plan the move of a small service from one database to another without downtime.' },
]

/** The demo has two prepared answers, so asking it anything else would disappoint. */
const forDemo: readonly Suggestion[] = [
  { title: 'Take the tour', text: 'Show me what you can do.', model: 'demo/tour' },
  {
    title: 'Try to lose an answer',
    text: 'Write a long answer while I reload, close the tab and come back.',
    model: 'demo/long',
  },
]

export function suggestionsFor(catalogue: ModelCatalogue | undefined, model: Model | undefined): readonly Suggestion[] {
  if (!model) return []
  if (!model.isDemo) return forModels
  return forDemo.filter((suggestion) => findModel(catalogue, suggestion.model)?.available)
}

/** Whatever the model: the demo builds an API of these as well. */
export const forBuilding: readonly Suggestion[] = [
  { title: 'Books', text: 'An API of books, with search and pages.' },
  { title: 'Tasks', text: 'An API of tasks that can be created, changed and deleted.' },
]
