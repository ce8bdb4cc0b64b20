import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const README = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
export const blocks = [...README.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
  language,
  code,
}))

/** What a reader has from the lines above a block; a block that says it itself does not get it. */
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
