interface Suggestion {
  title: string
  text: string
}

export const suggestions: readonly Suggestion[] = [
  { title: 'Take the tour', text: 'Show me what you can do.' },
  { title: 'Understand something', text: 'How does a water turbine turn a fall into electricity?' },
  { title: 'Write code', text: 'Write a Python function that merges overlapping intervals, with tests.' },
  { title: 'Compare', text: 'Compare three ways to store measurements over time, as a table.' },
]
