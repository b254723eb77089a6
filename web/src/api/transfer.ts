/** Chats that come from elsewhere, and go there. */
import { strict } from './client'
import { refusal } from './errors'
import * as sdk from './generated/sdk.gen'
import type { ImportShape as Import } from './generated/types.gen'

export type { Import }

export type ChatFormat = 'markdown' | 'json' | 'html'

/** Where a browser gets a chat as a file. */
export function exportAddress(chatId: string, format: ChatFormat): string {
  return `/api/chats/${encodeURIComponent(chatId)}/export?format=${format}`
}

/** Where it gets all of them. */
export function exportAllAddress(format: 'json' | 'markdown'): string {
  return `/api/export?format=${format}`
}

export async function getImports(signal: AbortSignal): Promise<Import[]> {
  return (await sdk.listImports({ ...strict, signal })).data.items
}

/** Sends a file; `onProgress` hears which part of it has gone. Only the older way of the browser tells that. */
export function beginImport(file: File, onProgress: (share: number) => void): Promise<Import> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', '/api/import')
    request.setRequestHeader('content-type', 'application/octet-stream')
    request.upload.onprogress = ({ loaded, total }) => {
      onProgress(total === 0 ? 1 : loaded / total)
    }
    request.onload = () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText) as Import)
      else reject(refusal(request.status, request.responseText))
    }
    request.onerror = () => {
      reject(new TypeError('The network failed.'))
    }
    request.send(file)
  })
}
