/** What is said, written down by the server. */
import { strict } from './client'
import * as sdk from './generated/sdk.gen'

export async function transcribe(recording: Blob, signal: AbortSignal): Promise<string> {
  return (await sdk.transcribe({ ...strict, signal, body: recording })).data.text
}
