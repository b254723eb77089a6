/** The grammars that colour code, each loaded when it is first needed, by the names that models give to languages. */
import type { StreamParser } from '@codemirror/language'
import type { Parser } from '@lezer/common'

type Load = () => Promise<Parser>

const javascript =
  (dialect?: string): Load =>
  async () => {
    const { parser } = await import('@lezer/javascript')
    return dialect === undefined ? parser : parser.configure({ dialect })
  }
/** Grammars of CodeMirror's older kind. */
const older =
  (find: () => Promise<StreamParser<unknown>>): Load =>
  async () => {
    const [{ StreamLanguage }, mode] = await Promise.all([import('@codemirror/language'), find()])
    return StreamLanguage.define(mode).parser
  }

const grammars: Record<string, Load> = {
  python: async () => (await import('@lezer/python')).parser,
  javascript: javascript(),
  jsx: javascript('jsx'),
  typescript: javascript('ts'),
  tsx: javascript('jsx ts'),
  json: async () => (await import('@lezer/json')).parser,
  html: async () => (await import('@lezer/html')).parser,
  css: async () => (await import('@lezer/css')).parser,
  xml: async () => (await import('@lezer/xml')).parser,
  yaml: async () => (await import('@lezer/yaml')).parser,
  markdown: async () => (await import('@lezer/markdown')).parser,
  rust: async () => (await import('@lezer/rust')).parser,
  go: async () => (await import('@lezer/go')).parser,
  java: async () => (await import('@lezer/java')).parser,
  cpp: async () => (await import('@lezer/cpp')).parser,
  shell: older(async () => (await import('@codemirror/legacy-modes/mode/shell')).shell),
  sql: older(async () => (await import('@codemirror/legacy-modes/mode/sql')).standardSQL),
  ruby: older(async () => (await import('@codemirror/legacy-modes/mode/ruby')).ruby),
  toml: older(async () => (await import('@codemirror/legacy-modes/mode/toml')).toml),
  diff: older(async () => (await import('@codemirror/legacy-modes/mode/diff')).diff),
  docker: older(async () => (await import('@codemirror/legacy-modes/mode/dockerfile')).dockerFile),
  csharp: older(async () => (await import('@codemirror/legacy-modes/mode/clike')).csharp),
  kotlin: older(async () => (await import('@codemirror/legacy-modes/mode/clike')).kotlin),
  swift: older(async () => (await import('@codemirror/legacy-modes/mode/swift')).swift),
}

const aliases: Record<string, string> = {
  py: 'python',
  python3: 'python',
  js: 'javascript',
  mjs: 'javascript',
  node: 'javascript',
  ts: 'typescript',
  jsonc: 'json',
  svg: 'xml',
  yml: 'yaml',
  md: 'markdown',
  rs: 'rust',
  golang: 'go',
  c: 'cpp',
  'c++': 'cpp',
  h: 'cpp',
  hpp: 'cpp',
  sh: 'shell',
  bash: 'shell',
  zsh: 'shell',
  console: 'shell',
  postgresql: 'sql',
  sqlite: 'sql',
  mysql: 'sql',
  rb: 'ruby',
  patch: 'diff',
  dockerfile: 'docker',
  cs: 'csharp',
  'c#': 'csharp',
  kt: 'kotlin',
}

/** How files of a language end. */
const endings: Record<string, string> = {
  python: 'py',
  javascript: 'js',
  typescript: 'ts',
  markdown: 'md',
  rust: 'rs',
  shell: 'sh',
  ruby: 'rb',
  docker: 'dockerfile',
  csharp: 'cs',
  kotlin: 'kt',
}

const nameOf = (language: string): string => aliases[language] ?? language

export function grammarOf(language: string | undefined): Load | undefined {
  return language === undefined ? undefined : grammars[nameOf(language)]
}

export function endingOf(language: string | undefined): string {
  if (language === undefined) return 'txt'
  const name = nameOf(language)
  if (language === 'c' || language === 'h') return language
  return endings[name] ?? (name in grammars ? name : 'txt')
}
