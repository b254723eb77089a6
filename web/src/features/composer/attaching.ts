import { useEffect, useEffectEvent, useMemo, useRef, useState } from 'react'
import { type Uploaded, discardAttachment, uploadAttachment } from '@/api/attachments'
import { sentence } from '@/api/errors'
import { type Kind, bringsFiles, kindOf } from '@/lib/attaching'
import { passing } from '@/lib/storage'
import type { FilePart } from '@/streams/message'

/** A file on its way into a message. */
export interface Item {
  key: number
  name: string
  /** None: it was uploaded before the page was loaded. */
  file: File | undefined
  kind: Kind
  /** Shows a picture, also before the server has it. */
  preview: string | undefined
  /** Which part of it has gone. */
  progress: number
  uploaded: Uploaded | undefined
  failure: string | undefined
}

export interface Attaching {
  items: readonly Item[]
  /** What is said of files that cannot be attached. */
  refusal: string | undefined
  uploading: boolean
  failed: boolean
  parts: FilePart[]
  add: (files: Iterable<File>) => void
  addText: (text: string) => void
  retry: (key: number) => void
  remove: (key: number) => void
  /** Lets go of all of them: they are sent. */
  clear: () => void
}

let lastKey = 0

/** The files of a message that is being written: each is uploaded at once, and outlives a reload with its text. */
export function useAttaching(draft: string): Attaching {
  const [items, setItems] = useState<readonly Item[]>(() => readFiles(draft).map(itemOf))
  const [refusal, setRefusal] = useState<string>()
  const running = useRef(new Map<number, () => void>())
  const uploaded = useMemo(() => items.flatMap((item) => item.uploaded ?? []), [items])

  useEffect(() => {
    writeFiles(draft, uploaded)
  }, [draft, uploaded])

  const change = (key: number, next: Partial<Item>): void => {
    setItems((before) => before.map((item) => (item.key === key ? { ...item, ...next } : item)))
  }
  const upload = (key: number, file: File): void => {
    const { done, cancel } = uploadAttachment(file, (progress) => {
      change(key, { progress })
    })
    running.current.set(key, cancel)
    done
      .then(
        (arrived) => {
          // It was taken out in the very moment in which it arrived.
          if (!running.current.has(key)) void discardAttachment(arrived.id).catch(() => undefined)
          change(key, { uploaded: arrived, progress: 1 })
        },
        (error: unknown) => {
          change(key, { failure: sentence(error) })
        },
      )
      .finally(() => running.current.delete(key))
  }
  const take = (file: File, kind: Kind): Item => {
    const item: Item = {
      key: (lastKey += 1),
      name: file.name,
      file,
      kind,
      preview: kind === 'picture' ? URL.createObjectURL(file) : undefined,
      progress: 0,
      uploaded: undefined,
      failure: undefined,
    }
    upload(item.key, file)
    return item
  }
  const add = (files: Iterable<File>): void => {
    const taken: Item[] = []
    const refused: string[] = []
    for (const file of files) {
      const kind = kindOf(file)
      if (kind === undefined) refused.push(file.name)
      else taken.push(take(kind === 'text' ? new File([file], file.name, { type: 'text/plain' }) : file, kind))
    }
    setRefusal(refused.length > 0 ? `${refused.join(', ')}: only pictures and plain text can be attached.` : undefined)
    setItems((before) => [...before, ...taken])
  }
  const forget = (item: Item): void => {
    running.current.get(item.key)?.()
    running.current.delete(item.key)
    if (item.preview !== undefined) URL.revokeObjectURL(item.preview)
  }
  return {
    items,
    refusal,
    uploading: items.some((item) => item.uploaded === undefined && item.failure === undefined),
    failed: items.some(({ failure }) => failure !== undefined),
    parts: uploaded.map(partOf),
    add,
    addText: (text) => {
      setItems((before) => [...before, take(new File([text], 'Pasted text.txt', { type: 'text/plain' }), 'text')])
    },
    retry: (key) => {
      const item = items.find((each) => each.key === key)
      if (!item?.file) return
      change(key, { failure: undefined, progress: 0 })
      upload(key, item.file)
    },
    remove: (key) => {
      const item = items.find((each) => each.key === key)
      if (!item) return
      forget(item)
      if (item.uploaded) void discardAttachment(item.uploaded.id).catch(() => undefined)
      setItems((before) => before.filter((each) => each.key !== key))
    },
    clear: () => {
      items.forEach(forget)
      setRefusal(undefined)
      setItems([])
    },
  }
}

function readFiles(draft: string): Uploaded[] {
  return JSON.parse(passing.read(`draft.files.${draft}`) ?? '[]') as Uploaded[]
}

/** Keeps what is attached to a message that is being written, as far as the server has it. */
export function writeFiles(draft: string, files: readonly Uploaded[]): void {
  passing.write(`draft.files.${draft}`, files.length === 0 ? null : JSON.stringify(files))
}

/** Something that was uploaded before the page was loaded. */
function itemOf(uploaded: Uploaded): Item {
  const kind = uploaded.mediaType.startsWith('image/') ? 'picture' : 'text'
  const preview = kind === 'picture' ? uploaded.url : undefined
  const [key, name] = [(lastKey += 1), uploaded.filename]
  return { key, name, file: undefined, kind, preview, progress: 1, uploaded, failure: undefined }
}

function partOf({ mediaType, filename, url }: Uploaded): FilePart {
  return { type: 'file', mediaType, filename, url }
}

/** Takes what is dropped anywhere on the page; says whether something is held over it. */
export function useDrop(onFiles: ((files: FileList) => void) | undefined): boolean {
  const [over, setOver] = useState(false)
  const drop = useEffectEvent((files: FileList) => onFiles?.(files))
  const wanted = onFiles !== undefined
  useEffect(() => {
    if (!wanted) return
    const listening = new AbortController()
    const { signal } = listening
    // Each element that is entered or left tells of it: only the count says whether the page is left.
    let depth = 0
    const on = (type: 'dragenter' | 'dragleave' | 'dragover' | 'drop', act: (event: DragEvent) => void): void => {
      window.addEventListener(
        type,
        (event) => {
          if (!bringsFiles(event.dataTransfer)) return
          event.preventDefault()
          act(event)
          setOver(depth > 0)
        },
        { signal },
      )
    }
    on('dragenter', () => (depth += 1))
    on('dragleave', () => (depth -= 1))
    on('dragover', () => undefined)
    on('drop', ({ dataTransfer }) => {
      depth = 0
      if (dataTransfer) drop(dataTransfer.files)
    })
    return () => {
      listening.abort()
    }
  }, [wanted])
  return over
}
