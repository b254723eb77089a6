import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react'
import { Icon } from './icon'

const box =
  'h-10 w-full min-w-0 rounded-lg border bg-surface px-3 text-base outline-none transition-colors focus:border-accent focus:ring-1 focus:ring-accent sm:text-sm'

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string
  hint?: ReactNode
  /** What is wrong with what was entered. */
  error?: string | undefined
}

export function Field({ label, hint, error, className = '', ...rest }: FieldProps) {
  const id = useId()
  const about = error ?? hint
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      <input
        id={id}
        aria-invalid={error !== undefined}
        aria-describedby={about === undefined ? undefined : `${id}-about`}
        className={`${box} ${error === undefined ? 'border-line' : 'border-danger'}`}
        {...rest}
      />
      {about !== undefined && (
        <p
          id={`${id}-about`}
          role={error === undefined ? undefined : 'alert'}
          className={`mt-1.5 text-sm ${error === undefined ? 'text-muted' : 'text-danger'}`}
        >
          {about}
        </p>
      )}
    </div>
  )
}

interface AreaProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  label: string
  hint?: string
  error?: string | undefined
}

/** A field for more than a line. */
export function Area({ label, hint, error, ...rest }: AreaProps) {
  const id = useId()
  const about = error ?? hint
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      <textarea
        id={id}
        aria-invalid={error !== undefined}
        aria-describedby={about === undefined ? undefined : `${id}-about`}
        className={`${box} scrollbar-thin block h-auto field-sizing-content max-h-72 min-h-10 resize-y py-2 leading-normal ${error === undefined ? 'border-line' : 'border-danger'}`}
        {...rest}
      />
      {about !== undefined && (
        <p
          id={`${id}-about`}
          role={error === undefined ? undefined : 'alert'}
          className={`mt-1.5 text-sm ${error === undefined ? 'text-muted' : 'text-danger'}`}
        >
          {about}
        </p>
      )}
    </div>
  )
}

interface SelectProps extends SelectHTMLAttributes<HTMLSelectElement> {
  label: string
  options: readonly { value: string; name: string }[]
}

export function Select({ label, options, ...rest }: SelectProps) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      <div className="relative">
        <select id={id} className={`${box} appearance-none border-line pe-9`} {...rest}>
          {options.map(({ value, name }) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
        <Icon name="chevron" className="pointer-events-none absolute top-3 end-3 size-4 text-muted" />
      </div>
    </div>
  )
}

/** What a form as a whole has to say: that it could not be done, or that it was. */
export function Outcome({ error, done }: { error?: string | undefined; done?: string | undefined }) {
  return (
    <div aria-live="polite">
      {error !== undefined && (
        <p role="alert" className="flex items-start gap-2 rounded-lg bg-danger-soft px-3.5 py-2.5 text-sm text-danger">
          <Icon name="warning" className="mt-0.5 size-4" />
          {error}
        </p>
      )}
      {error === undefined && done !== undefined && (
        <p className="flex items-center gap-2 text-sm text-accent">
          <Icon name="check" /> {done}
        </p>
      )}
    </div>
  )
}
