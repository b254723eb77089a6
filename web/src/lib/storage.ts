/** Browser storage that may be switched off or full: reading gives nothing then, and writing does nothing. */
export interface Shelf {
  read: (key: string) => string | null
  write: (key: string, value: string | null) => void
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
  }
}

export const lasting = shelf(() => localStorage)
export const passing = shelf(() => sessionStorage)
