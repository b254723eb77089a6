import { type SyntheticEvent, useState } from 'react'
import type { Model } from '@/api/client'
import { type Effort, type Settings, effortsOf, settingsFrom } from '@/lib/settings'
import { Button } from '@/ui/button'
import { Area, Field, Select } from '@/ui/field'
import { Sheet } from '@/ui/sheet'

interface SettingsSheetProps {
  model: Model | undefined
  settings: Settings
  onSave: (settings: Settings) => void
  onClose: () => void
}

const effortNames: Record<Effort, string> = {
  none: 'No reasoning',
  minimal: 'Least',
  low: 'Little',
  medium: 'Medium',
  high: 'Much',
  xhigh: 'Very much',
  max: 'Most',
}

/** How the model shall answer in this chat, from the next message on. What is left empty the model decides. */
export default function SettingsSheet({ model, settings, onSave, onClose }: SettingsSheetProps) {
  const [temperature, setTemperature] = useState(settings.temperature)
  const [maxTokens, setMaxTokens] = useState(settings.maxTokens?.toString() ?? '')
  const [systemPrompt, setSystemPrompt] = useState(settings.systemPrompt ?? '')
  const [effort, setEffort] = useState<string>(settings.reasoningEffort ?? '')
  const can = model?.capabilities
  const efforts = effortsOf(can)
  const most = can?.maxOutput ?? can?.contextWindow
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    onSave(
      settingsFrom({
        temperature,
        maxTokens: maxTokens === '' ? undefined : Number(maxTokens),
        systemPrompt: systemPrompt.trim(),
        reasoningEffort: effort,
      }),
    )
    onClose()
  }
  return (
    <Sheet title="Settings of the model" onClose={onClose}>
      <form onSubmit={onSubmit} data-testid="model-settings" className="flex flex-col gap-5">
        <p className="text-sm text-muted">For this chat, from the next message on.</p>
        <Area
          label="Instructions"
          hint="The model reads them before everything else."
          rows={4}
          maxLength={20_000}
          placeholder="For example: Answer briefly, and in British English."
          value={systemPrompt}
          onChange={({ target }) => {
            setSystemPrompt(target.value)
          }}
        />
        {can?.sampling !== false && (
          <Temperature value={temperature} most={can?.maxTemperature ?? 2} onChange={setTemperature} />
        )}
        <Field
          label="Longest answer, in tokens"
          type="number"
          min={1}
          max={most ?? 1_000_000}
          step={1}
          placeholder="As the model likes"
          hint={most === undefined ? undefined : `This model writes at most ${most.toLocaleString()}.`}
          value={maxTokens}
          onChange={({ target }) => {
            setMaxTokens(target.value)
          }}
        />
        {efforts.length > 0 && (
          <Select
            label="Reasoning"
            options={[
              { value: '', name: 'As the model likes' },
              ...efforts.map((value) => ({ value, name: effortNames[value] })),
            ]}
            value={effort}
            onChange={({ target }) => {
              setEffort(target.value)
            }}
          />
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" data-testid="settings-save">
            Save
          </Button>
        </div>
      </form>
    </Sheet>
  )
}

interface TemperatureProps {
  value: number | undefined
  most: number
  onChange: (value: number | undefined) => void
}

function Temperature({ value, most, onChange }: TemperatureProps) {
  return (
    <div>
      <div className="mb-1.5 flex items-baseline justify-between gap-3 text-sm">
        <label htmlFor="temperature" className="font-medium">
          Temperature
        </label>
        {value === undefined ? (
          <span className="text-muted">As the model likes</span>
        ) : (
          <span className="flex items-baseline gap-3">
            <output htmlFor="temperature" className="tabular-nums">
              {value.toFixed(1)}
            </output>
            <button
              type="button"
              className="text-accent underline underline-offset-3"
              onClick={() => {
                onChange(undefined)
              }}
            >
              Reset
            </button>
          </span>
        )}
      </div>
      <input
        id="temperature"
        type="range"
        min={0}
        max={most}
        step={0.1}
        value={value ?? most / 2}
        className={`w-full accent-accent ${value === undefined ? 'opacity-60' : ''}`}
        onChange={({ target }) => {
          onChange(target.valueAsNumber)
        }}
      />
      <p className="flex justify-between text-xs text-muted" aria-hidden="true">
        <span>Strict</span>
        <span>Free</span>
      </p>
    </div>
  )
}
