import { type SyntheticEvent, useState } from 'react'
import { sentence } from '@/api/errors'
import type { Template, Variable } from '@/api/templates'
import { placesOf } from '@/lib/templates'
import { useSaveTemplate } from '@/queries/templates'
import { Button } from '@/ui/button'
import { Area, Field, Outcome, Select } from '@/ui/field'
import { Sheet } from '@/ui/sheet'
import { type Drafted, draftedFrom, variablesFrom } from './variables'

interface TemplateFormProps {
  /** Without one a new one is made. */
  template: Template | undefined
  /** Whether it may be for everybody. */
  mayShare: boolean
  onClose: () => void
}

export function TemplateForm({ template, mayShare, onClose }: TemplateFormProps) {
  const [name, setName] = useState(template?.name ?? '')
  const [text, setText] = useState(template?.text ?? '')
  const [isHouse, setIsHouse] = useState(template?.isHouse ?? false)
  const [drafted, setDrafted] = useState(() => draftedFrom(template?.variables ?? []))
  const { mutate, isPending, error, reset } = useSaveTemplate(template?.id)
  const places = placesOf(text)
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    mutate({ name, text, variables: variablesFrom(places, drafted), isHouse }, { onSuccess: onClose })
  }
  return (
    <Sheet title={template ? 'Edit the template' : 'New template'} wide onClose={onClose}>
      <form onSubmit={onSubmit} onChange={reset} className="flex flex-col gap-5">
        <Field
          label="Name"
          name="template-name"
          autoComplete="off"
          required
          pattern=".*\S.*"
          maxLength={100}
          value={name}
          onChange={({ target }) => {
            setName(target.value)
          }}
        />
        <Area
          label="Text"
          hint="What stands in double braces, such as {{topic}}, is asked for each time."
          required
          rows={5}
          maxLength={20_000}
          value={text}
          onChange={({ target }) => {
            setText(target.value)
          }}
        />
        {places.map((place) => (
          <VariableFields
            key={place}
            name={place}
            value={drafted[place]}
            onChange={(value) => {
              setDrafted({ ...drafted, [place]: value })
            }}
          />
        ))}
        {mayShare && (
          <label className="flex items-center gap-2.5 text-sm">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={isHouse}
              onChange={({ target }) => {
                setIsHouse(target.checked)
              }}
            />
            Everybody on this server may use it
          </label>
        )}
        <Outcome error={error ? sentence(error) : undefined} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" data-testid="template-save" disabled={isPending}>
            Save
          </Button>
        </div>
      </form>
    </Sheet>
  )
}

const kinds: readonly { value: NonNullable<Variable['kind']>; name: string }[] = [
  { value: 'text', name: 'Text' },
  { value: 'number', name: 'Number' },
  { value: 'date', name: 'Date' },
  { value: 'choice', name: 'Choice' },
]

interface VariableFieldsProps {
  name: string
  value: Drafted | undefined
  onChange: (value: Drafted) => void
}

function VariableFields({ name, value = { kind: 'text', usual: '', choices: '' }, onChange }: VariableFieldsProps) {
  return (
    <fieldset className="rounded-xl border border-line p-4">
      <legend className="px-1.5 font-mono text-xs text-muted">{`{{${name}}}`}</legend>
      <div className="grid gap-4 sm:grid-cols-2">
        <Select
          label="It is a"
          options={kinds}
          value={value.kind}
          onChange={({ target }) => {
            onChange({ ...value, kind: target.value as Drafted['kind'] })
          }}
        />
        <Field
          label="Usually"
          maxLength={1000}
          type={value.kind === 'date' || value.kind === 'number' ? value.kind : 'text'}
          step="any"
          value={value.usual}
          onChange={({ target }) => {
            onChange({ ...value, usual: target.value })
          }}
        />
      </div>
      {value.kind === 'choice' && (
        <div className="mt-4">
          <Area
            label="Choices"
            hint="One on each line."
            required
            rows={3}
            value={value.choices}
            onChange={({ target }) => {
              onChange({ ...value, choices: target.value })
            }}
          />
        </div>
      )}
    </fieldset>
  )
}
