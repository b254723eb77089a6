import { CopyButton } from './copy'

export function CodeBlock({ code, language }: { code: string; language: string | undefined }) {
  return (
    <div className="my-4 overflow-hidden rounded-xl border border-line bg-code">
      <div className="flex items-center justify-between border-b border-line bg-panel py-0.5 ps-4 pe-1">
        <span className="font-mono text-xs text-muted">{language ?? 'text'}</span>
        <CopyButton text={() => code} label="Copy code" />
      </div>
      <pre tabIndex={0} className="scrollbar-thin overflow-x-auto p-4 text-[0.85rem] leading-relaxed">
        <code className="font-mono">{code}</code>
      </pre>
    </div>
  )
}
