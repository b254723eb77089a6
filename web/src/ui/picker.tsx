import { Icon } from './icon'

interface Choice {
  id: string
  name: string
  available: boolean
  isDemo: boolean
}

interface PickerProps {
  label?: string
  testId?: string
  providers: readonly { id: string; name: string; models: readonly Choice[] }[]
  value: string | undefined
  onChange: (id: string) => void
}

export function ModelPicker({ label = 'Model', testId = 'model-picker', providers, value, onChange }: PickerProps) {
  return (
    <label className="relative inline-flex min-w-0 items-center">
      <span className="sr-only">{label}</span>
      <select
        data-testid={testId}
        value={value ?? ''}
        disabled={providers.length === 0}
        onChange={(event) => {
          onChange(event.target.value)
        }}
        className="field-sizing-content h-9 max-w-44 min-w-0 appearance-none truncate rounded-lg bg-transparent ps-3 pe-8 text-sm font-medium text-muted hover:bg-panel hover:text-ink sm:max-w-64"
      >
        {value === undefined && <option value="">Choose a model</option>}
        {providers.map((provider) => (
          <optgroup key={provider.id} label={provider.name} className="bg-surface text-ink">
            {provider.models.map((model) => (
              <option key={model.id} value={model.id} disabled={!model.available}>
                {labelOf(model)}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
      <Icon name="chevron" className="pointer-events-none absolute end-2.5 size-4 text-muted" />
    </label>
  )
}

function labelOf({ name, available, isDemo }: Choice): string {
  if (!available) return `${name} (No API key)`
  return isDemo && !/\bdemo\b/i.test(name) ? `${name} (Demo)` : name
}
