/** What is attached to messages. */
import { strict } from './client'
import { refusal } from './errors'
import * as sdk from './generated/sdk.gen'
import type { AttachmentShape as Uploaded } from './generated/types.gen'

export type { Uploaded }

interface Upload {
  /** Settles with what came of it. */
  done: Promise<Uploaded>
  cancel: () => void
}

/** Uploads a file; `onProgress` hears which part of it has gone. Only the older way of the browser tells that. */
export function uploadAttachment(file: File, onProgress: (share: number) => void): Upload {
  const request = new XMLHttpRequest()
  const form = new FormData()
  form.append('file', file)
  const done = new Promise<Uploaded>((resolve, reject) => {
    request.open('POST', '/api/attachments')
    request.upload.onprogress = ({ loaded, total }) => {
      onProgress(total === 0 ? 1 : loaded / total)
    }
    request.onload = () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText) as Uploaded)
      else reject(refusal(request.status, request.responseText))
    }
    request.onerror = request.onabort = () => {
      reject(new TypeError('The network failed.'))
    }
    request.send(form)
  })
  return {
    done,
    cancel: () => {
      request.abort()
    },
  }
}

/** Throws away what was not sent. */
export async function discardAttachment(id: string): Promise<void> {
  await sdk.discardAttachment({ ...strict, path: { attachment_id: id } })
}
