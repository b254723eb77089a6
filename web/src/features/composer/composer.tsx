import { type ClipboardEvent, type KeyboardEvent, type ReactNode, useState } from 'react'
import { bringsFiles, isTooLongToType } from '@/lib/attaching'
import type { Settings } from '@/lib/settings'
import type { Model } from '@/api/client'
import type { FilePart } from '@/streams/message'
import { LateSheet } from '@/ui/fetching'
import { late } from '@/ui/late'
import { Action, Actions } from '@/ui/actions'
import { useAttaching, useDrop } from './attaching'
import { Count, InterruptButton, SendButton, StopButton } from './buttons'
import { ModelNote } from './modelnote'
import { SlashForm, SlashMenu } from './slashmenu'
import { useSlash } from './slash'
import { useAutoSize, useDraft } from './text'
import { AttachButton, DropHint, Tray } from './tray'
import { Voice } from './voice'

const SettingsSheet = late(() => import('./settings'))

/** From this part of the limit on the characters are counted. */
const nearly = 0.9

/** What becomes of a message: it is answered at once, after the answer that runs, or instead of what is left of that. */
export type Urgency = 'now' | 'later' | 'instead'

interface ComposerProps {
  /** Where an unsent text is kept in the meantime. */
  draft: string
  /** Characters that the server takes. */
  limit: number
  placeholder: string
  /** An answer is on its way: it can be stopped, and what is sent waits for it or takes its place. */
  busy: boolean
  stopping?: boolean
  /** The text is on its way and stays visible until it has arrived. */
  sending?: boolean
  picker: ReactNode
  model: Model | undefined
  settings: Settings
  onSettings: (settings: Settings) => void
  /** How full the model's context is with this text. */
  gauge?: (text: string, files: readonly FilePart[]) => ReactNode
  /** Shows what would be sent with this text, where no gauge does. */
  onLook?: (text: string) => void
  onSend: (text: string, urgency: Urgency, clear: () => void, files: readonly FilePart[]) => void
  /** Pictures and texts can go along. */
  attachable?: boolean
  onStop?: (() => void) | undefined
}

export function Composer({
  draft,
  limit,
  placeholder,
  busy,
  stopping = false,
  sending = false,
  attachable = false,
  ...rest
}: ComposerProps) {
  const { picker, model, settings, onSettings, gauge, onLook, onSend, onStop } = rest
  const [text, setText, forget] = useDraft(draft)
  const [tuning, setTuning] = useState(false)
  const close = (): void => {
    setTuning(false)
  }
  const area = useAutoSize(text)
  const attaching = useAttaching(draft)
  const dragged = useDrop(attachable ? attaching.add : undefined)
  const slash = useSlash(text, (next) => {
    setText(next)
    area.current?.focus()
  })
  const countFrom = nearly * limit
  const length = characters(text, countFrom)
  const tooLong = length > limit
  const blind = model?.sees === false ? `${model.name} cannot see pictures.` : undefined
  const unseen = blind !== undefined && attaching.items.some(({ kind }) => kind === 'picture')
  const attached = attaching.items.length > 0
  const held = attaching.uploading || attaching.failed || unseen
  const ready = (text.trim() !== '' || attached) && !held && !tooLong && !sending

  const send = (urgency: Urgency): void => {
    if (!ready) return
    onSend(
      text.trim(),
      urgency,
      () => {
        forget(text)
        attaching.clear()
      },
      attaching.parts,
    )
    area.current?.focus()
  }
  const onPaste = (event: ClipboardEvent): void => {
    if (!attachable) return
    const pasted = event.clipboardData.getData('text/plain')
    // A copied table or page comes as a picture of itself as well.
    if (pasted === '' && bringsFiles(event.clipboardData)) {
      event.preventDefault()
      attaching.add(event.clipboardData.files)
    } else if (isTooLongToType(pasted, text, limit)) {
      event.preventDefault()
      attaching.addText(pasted)
    }
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (slash.onKeyDown(event)) return
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return
    event.preventDefault()
    send(busy ? 'later' : 'now')
  }

  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          send(busy ? 'later' : 'now')
        }}
        className={`composer relative rounded-3xl border bg-surface transition-[border-color,box-shadow] ${tooLong ? 'border-danger' : 'border-line focus-within:border-accent/60'}`}
      >
        <SlashMenu slash={slash} />
        {dragged && <DropHint />}
        <Tray attaching={attaching} blind={blind} />
        <textarea
          ref={area}
          data-testid="composer-input"
          aria-label="Message"
          aria-invalid={tooLong}
          aria-describedby={length >= countFrom ? 'composer-count' : undefined}
          rows={1}
          value={text}
          placeholder={busy ? 'Write the next message' : placeholder}
          readOnly={sending}
          onChange={(event) => {
            setText(event.target.value)
          }}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
          {...slash.aria}
          className="scrollbar-thin block max-h-[40dvh] min-h-13 w-full resize-none bg-transparent px-5 pt-4 pb-1 leading-6 outline-none placeholder:text-muted"
        />
        <div className="flex items-center justify-between gap-2 p-2.5 pt-1">
          <div className="flex min-w-0 items-center">
            <Actions label="Add or change" icon="plus" testId="composer-more" look={roundLook}>
              <Action icon="text" about="/" onSelect={slash.begin}>
                Use a template
              </Action>
              <Action
                icon="sliders"
                testId="composer-settings"
                onSelect={() => {
                  setTuning(true)
                }}
              >
                Settings of the model
              </Action>
              {onLook && (
                <Action
                  icon="info"
                  onSelect={() => {
                    onLook(text)
                  }}
                >
                  See what will be sent
                </Action>
              )}
            </Actions>
            {attachable && <AttachButton onFiles={attaching.add} />}
            {picker}
          </div>
          <div className="flex items-center gap-2">
            {length >= countFrom && <Count length={length} limit={limit} />}
            {gauge?.(text, attaching.parts)}
            {!busy && !sending && <Voice text={text} onText={setText} />}
            {busy && onStop && <StopButton stopping={stopping} onStop={onStop} />}
            {busy && ready && (
              <InterruptButton
                onClick={() => {
                  send('instead')
                }}
              />
            )}
            {(!busy || ready) && <SendButton busy={busy} ready={ready} sending={sending} />}
          </div>
        </div>
      </form>
      <ModelNote />
      <SlashForm slash={slash} />
      {tuning && (
        <LateSheet onClose={close}>
          <SettingsSheet model={model} settings={settings} onSave={onSettings} onClose={close} />
        </LateSheet>
      )}
    </>
  )
}

const roundLook =
  'inline-flex size-9 shrink-0 items-center justify-center rounded-full text-muted transition-colors hover:bg-panel hover:text-ink aria-expanded:bg-panel'

/** While an input method is composing, Enter picks a candidate. */
function isComposing({ nativeEvent }: KeyboardEvent): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- in Safari that Enter comes after the end of composing, and only 229 tells
  return nativeEvent.isComposing || nativeEvent.keyCode === 229
}

/** As the server counts: a character outside the basic plane is one, not two. */
function characters(text: string, countFrom: number): number {
  return text.length < countFrom ? text.length : Array.from(text).length
}
