/** The text/event-stream format of the HTML standard, as far as our server uses it. */
export interface Frame {
  id: string
  data: string
}

/** Takes text in pieces of any size and gives the frames that are complete; an unfinished frame at the end is dropped. */
export class FrameParser {
  private rest = ''
  private lastId = ''
  private data: string[] = []
  private begun = false

  push(text: string): Frame[] {
    this.rest += text
    if (!this.begun && this.rest.length > 0) {
      this.begun = true
      if (this.rest.startsWith('\uFEFF')) this.rest = this.rest.slice(1)
    }
    const frames: Frame[] = []
    for (const line of this.takeLines()) {
      const frame = this.take(line)
      if (frame) frames.push(frame)
    }
    return frames
  }

  private takeLines(): string[] {
    // A CR at the very end may be the first half of a CRLF: it waits for what follows.
    const lines = this.rest.split(/\r\n|\n|\r(?!$)/)
    this.rest = lines.pop() ?? ''
    return lines
  }

  private take(line: string): Frame | undefined {
    if (line === '') return this.dispatch()
    if (line.startsWith(':')) return undefined
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.data.push(value)
    if (field === 'id' && !value.includes('\0')) this.lastId = value
    return undefined
  }

  private dispatch(): Frame | undefined {
    if (this.data.length === 0) return undefined
    const frame = { id: this.lastId, data: this.data.join('\n') }
    this.data = []
    return frame
  }
}
