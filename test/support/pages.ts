import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
/** Folders whose files are installed or made. Those that begin with a dot are left out too. */
const NOT_OURS = ['node_modules', 'dist', 'docs']
/** A fenced block, with the indentation of its fences, its language and its code. */
const BLOCK = /^( *)```(.*)\n([\s\S]*?)^\1```$/gm

/** A page of documentation. */
export interface Page {
  /** From the top of the repository. */
  path: string
  text: string
}

/** A fenced block of a page. */
export interface Block {
  page: string
  language: string
  code: string
}

/** Every Markdown file of the repository, the README first, so that a new page cannot be forgotten. */
export const pages: Page[] = markdownFiles('')
  .sort((a, b) => Number(b === 'README.md') - Number(a === 'README.md') || a.localeCompare(b))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
export const README = page('README.md')
/** The blocks of all pages. */
export const blocks: Block[] = pages.flatMap(({ path, text }) =>
  [...text.matchAll(BLOCK)].map(([, , language = '', code = '']) => ({
    page: path,
    language,
    code,
  })),
)

/** The text of one page. */
export function page(path: string): string {
  return pages.find((one) => one.path === path)?.text ?? ''
}

function markdownFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.name.startsWith('.') || NOT_OURS.includes(entry.name)) return []
    if (entry.isDirectory()) return markdownFiles(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}

/** The page without its blocks: what a reader sees as text. */
export function prose(text: string): string {
  return text.replaceAll(BLOCK, '')
}

/** The names that links use for the headings of a page, as GitHub makes them. */
export function anchors(text: string): string[] {
  return [...prose(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The relative links of a page that lead to no file, or to no heading where they name one. */
export function brokenLinks({ path, text }: Page): string[] {
  const targets = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string)
  return targets.filter((target) => {
    if (target.includes('://')) return false
    const [file, anchor] = target.split('#') as [string, string?]
    const to = file === '' ? path : join(dirname(path), file)
    return !existsSync(join(ROOT, to)) || (anchor !== undefined && !anchors(page(to)).includes(anchor))
  })
}

/** The scripts of package.json, and the test files, that a text names and that do not exist. */
export function missingNames(text: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object }
  const named = [...text.matchAll(/npm run ([\w-]+)/g)].map(([, name]) => name as string)
  const files = [...text.matchAll(/\btest\/[\w./-]+\.ts\b/g)].map(([file]) => file)
  return [...named.filter((name) => !(name in scripts)), ...files.filter((file) => !existsSync(join(ROOT, file)))]
}

/** What a reader has from the text above a block; a block that declares it does not get it. */
const GIVEN = {
  client: 'const client = new S3Client()',
  source: "const source = createReadStream('talk.webm')",
  rows: `async function* rows() {
  yield '{"n":1}\\n'
  yield '{"n":2}\\n'
}`,
}
const IMPORTS = {
  'node:child_process': ['spawn'],
  'node:events': ['once'],
  'node:fs': ['createReadStream'],
  'node:stream': ['PassThrough'],
  'node:stream/promises': ['pipeline'],
  '@aws-sdk/client-s3': ['S3Client'],
  '@aws-sdk/lib-storage': ['Upload'],
  's3-writable/threads': ['ThreadedHandler'],
  's3-writable': ['resumePoint', 's3Writable', 'S3WritableError'],
}

/** A block as a program, with what is given to it, or something else in its place, and what it imports. */
export function program(block: string, others: Partial<typeof GIVEN> = {}): string {
  const declares = (name: string): boolean =>
    new RegExp(`^(import .*|(await using|const) )\\b${name}\\b`, 'm').test(block)
  const uses = (code: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(code)
  const given = Object.entries({ ...GIVEN, ...others }).filter(([name]) => uses(block, name) && !declares(name))
  const code = [...given.map(([, line]) => line), block].join('\n')
  const imports = Object.entries(IMPORTS).map(([from, names]) => {
    const needed = names.filter((name) => uses(code, name) && !declares(name))
    return needed.length === 0 ? '' : `import { ${needed.join(', ')} } from '${from}'\n`
  })
  return `${imports.join('')}${code}\nexport {}\n`
}
