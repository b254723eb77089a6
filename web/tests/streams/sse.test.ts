import { describe, expect, it } from 'vitest'
import { type Frame, FrameParser } from '@/streams/sse'

const frames: Frame[] = [
  { id: 'r:1', data: '{"type":"start"}' },
  { id: 'r:2', data: 'two\nlines' },
  { id: 'r:2', data: 'ünïcödé 🚰' },
  { id: 'r:3', data: '[DONE]' },
]

const lines = [
  ': stream-open',
  '',
  'id: r:1',
  'event: ignored',
  'data: {"type":"start"}',
  '',
  ': keep-alive',
  '',
  'id:r:2',
  'data: two',
  'data: lines',
  '',
  'data: ünïcödé 🚰',
  '',
  'id: r:3',
  'data: [DONE]',
  '',
  '',
]

function parseSplit(bytes: Uint8Array, at: number): Frame[] {
  const parser = new FrameParser()
  const decoder = new TextDecoder()
  const pieces = [bytes.subarray(0, at), bytes.subarray(at)]
  return pieces.flatMap((piece) => parser.push(decoder.decode(piece, { stream: true })))
}

describe.each([
  ['LF', '\n'],
  ['CRLF', '\r\n'],
  ['CR', '\r'],
])('frames with %s line ends', (name, end) => {
  // A lone CR at the very end is not known to be a whole line end, so one more line follows it.
  const text = lines.join(end) + (name === 'CR' ? ': end' : '')
  const bytes = new TextEncoder().encode(text)

  it('are the same wherever the bytes are split', () => {
    for (let at = 0; at <= bytes.length; at++) expect(parseSplit(bytes, at), `split at ${at}`).toEqual(frames)
  })

  it('are the same byte by byte', () => {
    const parser = new FrameParser()
    const decoder = new TextDecoder()
    const found = [...bytes].flatMap((byte) => parser.push(decoder.decode(Uint8Array.of(byte), { stream: true })))
    expect(found).toEqual(frames)
  })
})

it('drops a frame that the end of the stream cuts', () => {
  expect(new FrameParser().push('data: whole\n\ndata: cut\n')).toEqual([{ id: '', data: 'whole' }])
})

it('skips a byte order mark', () => {
  expect(new FrameParser().push('\uFEFFdata: x\n\n')).toEqual([{ id: '', data: 'x' }])
})
