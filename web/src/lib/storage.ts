/** Browser storage that may be switched off or full: reading gives nothing then, and writing does nothing. */
export interface Shelf {
  read: (key: string) => string | null
  write: (key: string, value: string | null) => void
  /** Forgets everything whose key begins so. */
  clear: (prefix: string) => void
}

function shelf(open: () => Storage): Shelf {
  return {
    read: (key) => {
      try {
        return open().getItem(`penstock.${key}`)
      } catch {
        return null
      }
    },
    write: (key, value) => {
      try {
        if (value === null) open().removeItem(`penstock.${key}`)
        else open().setItem(`penstock.${key}`, value)
      } catch {
        // The value lives on in memory for this visit.
      }
    },
    clear: (prefix) => {
      try {
        const keys = Object.keys(open()).filter((key) => key.startsWith(`penstock.${prefix}`))
        for (const key of keys) open().removeItem(key)
      } catch {
        // What cannot be opened keeps nothing.
      }
    },
  }
}

export const lasting = shelf(() => localStorage)
export const passing = shelf(() => sessionStorage)
