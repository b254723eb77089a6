import { type SyntheticEvent, useState } from 'react'
import type { Template, Variable } from '@/api/templates'
import { filled } from '@/lib/templates'
import { Button } from '@/ui/button'
import { Area, Field, Select } from '@/ui/field'
import { Sheet } from '@/ui/sheet'

interface FillingProps {
  template: Template
  /** With nothing when it is left. */
  onFinish: (text?: string) => void
}

/** Asks for the variables of a template. */
export default function Filling({ template, onFinish }: FillingProps) {
  const [values, setValues] = useState(() => beginning(template.variables))
  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    onFinish(filled(template.text, values))
  }
  return (
    <Sheet
      title={template.name}
      onClose={() => {
        onFinish()
      }}
    >
      <form onSubmit={onSubmit} data-testid="template-form" className="flex flex-col gap-4">
        {template.variables.map((variable) => (
          <Input
            key={variable.name}
            variable={variable}
            value={values[variable.name] ?? ''}
            onChange={(value) => {
              setValues({ ...values, [variable.name]: value })
            }}
          />
        ))}
        <details className="text-sm text-muted">
          <summary className="w-fit rounded-md py-1 font-medium">What it makes</summary>
          <p className="scrollbar-thin mt-1 max-h-48 overflow-y-auto border-s-2 border-line ps-4 break-words whitespace-pre-wrap">
            {filled(template.text, values)}
          </p>
        </details>
        <div className="flex justify-end gap-2">
          <Button
            onClick={() => {
              onFinish()
            }}
          >
            Cancel
          </Button>
          <Button kind="primary" type="submit" data-testid="template-use">
            Use it
          </Button>
        </div>
      </form>
    </Sheet>
  )
}

function beginning(variables: readonly Variable[]): Record<string, string> {
  return Object.fromEntries(
    variables.map(({ name, kind, default: usual, choices }) => [
      name,
      usual ?? (kind === 'choice' ? (choices?.[0] ?? '') : ''),
    ]),
  )
}

interface InputProps {
  variable: Variable
  value: string
  onChange: (value: string) => void
}

function Input({ variable: { name, kind = 'text', choices = [] }, value, onChange }: InputProps) {
  const label = name.replaceAll('_', ' ')
  const onInput = ({ target }: { target: { value: string } }): void => {
    onChange(target.value)
  }
  switch (kind) {
    case 'choice':
      return (
        <Select
          label={label}
          options={choices.map((choice) => ({ value: choice, name: choice }))}
          value={value}
          onChange={onInput}
        />
      )
    case 'text':
      return <Area label={label} required rows={2} value={value} onChange={onInput} />
    case 'number':
      return <Field label={label} type="number" step="any" required value={value} onChange={onInput} />
    case 'date':
      return <Field label={label} type="date" required value={value} onChange={onInput} />
  }
}
