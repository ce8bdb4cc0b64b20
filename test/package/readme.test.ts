import { execFile } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { s3Writable } from '../../lib/index.js'
import { checkOptions } from '../../lib/options/check.js'
import { planPartSizes, raisePartSize } from '../../lib/parts/sizes.js'
import { bytes, MiB, P } from '../support/bytes.js'
import { blocks, brokenLinks, missingNames, page, pages, program, prose, README } from '../support/pages.js'
import { runProgram, s3Env } from '../support/run-program.js'
import { endpoint, head, makeBucket, s3Client } from '../support/store.js'
import { unfinishedUpload } from '../support/unfinished-upload.js'

const ROOT = join(import.meta.dirname, '../..')
const TALK = bytes(12 * MiB)
/** The page whose commands are run by test/cli/recipes.test.ts, with producers of its own. */
const RECIPES = 'lib/cli/recipes.md'
/** The languages whose blocks are run, each by a test below, by that of the recipes or, for `js`, by testing.test.ts … */
const RUN = ['bash', 'crontab', 'ini', 'js', 'json', 'sh', 'ts', 'yaml']
/** … and those of blocks that are pictures made of text. */
const TEXT = ['text']
/** The unfinished upload that a command or a block resumes. */
const stopped = (t: Test, Bucket: string) =>
  unfinishedUpload(s3Client(t), Bucket, { 1: TALK.subarray(0, P) }, { Key: 'talk.webm' })

t.test('every TypeScript block of every page compiles, runs, and makes the object that it names', async (t) => {
  const shown = blocks.filter(({ language }) => language === 'ts')
  const programs = shown.map(({ code }) => program(code))
  t.ok(programs.length >= 8)
  // Inside of the project, where 's3-writable' is the project itself.
  const folder = t.testdir({ 'talk.webm': TALK, photos: { 'a.jpg': bytes(1000) } })
  const files = programs.map((_, i) => join(folder, `${i + 1}.ts`))
  const Buckets = await Promise.all(programs.map(() => makeBucket(t)))
  for (const [i, code] of programs.entries()) {
    const here = code
      .replaceAll(/\bBucket: '[a-z]+'/g, `Bucket: '${Buckets[i]}'`)
      .replaceAll('https://s3.example.com', endpoint.href)
    writeFileSync(files[i] as string, here)
  }
  // The other JSON is a policy, which test/cli/permissions.test.ts uses.
  const json = blocks.filter(({ language, code }) => language === 'json' && !code.includes('"Statement"'))
  const rules = json.map(({ code }) => code)
  t.ok(rules.length >= 1)
  for (const [i, rule] of rules.entries()) {
    const type = "import type { BucketLifecycleConfiguration } from '@aws-sdk/client-s3'\n"
    writeFileSync(join(folder, `rule-${i + 1}.ts`), `${type}export const rule: BucketLifecycleConfiguration = ${rule}`)
    t.ok(JSON.parse(rule), 'the JSON block is one, and its type is that of a lifecycle rule, as tsc finds')
  }
  const tsconfig = { extends: join(ROOT, 'tsconfig.json'), compilerOptions: { rootDir: ROOT }, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  await t.resolves(promisify(execFile)(process.execPath, [join(ROOT, 'node_modules/.bin/tsc'), '-p', folder]))

  for (const [i, file] of files.entries()) {
    if (/\bresume/.test(programs[i] as string)) await stopped(t, Buckets[i] as string)
    const { code, stderr } = await runProgram(file, [], { AWS_ENDPOINT_URL: endpoint.href }, folder)
    const name = `TypeScript block ${i + 1}, in ${shown[i]?.page}`
    if (!t.equal(code, 0, `${name}, ends with 0`)) t.comment(stderr)
    const Key = /\bKey: '(.*?)'/.exec(programs[i] as string)?.[1]
    t.ok(Key !== undefined && (await head(Buckets[i] as string, Key)), `${name}, makes ${Key}`)
  }
})

t.test('every command line of every page works', async (t) => {
  const shown = blocks.filter(({ language, page }) => language === 'bash' && page !== RECIPES)
  const lines = shown.flatMap(({ code }) => code.trim().split('\n'))
  t.ok(lines.length >= 5)
  const Bucket = await makeBucket(t)
  const command = `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'dist/cli/main.js')}' "$@"\n`
  // No database is needed to run the lines that dump one.
  const bin = { 's3-writable': command, pg_dump: '#!/bin/sh\nexec cat talk.webm\n' }
  const folder = t.testdir({ bin, 'talk.webm': TALK, photos: { 'a.jpg': bytes(1000) } })
  for (const name of Object.keys(bin)) chmodSync(join(folder, 'bin', name), 0o755)
  const env = { ...s3Env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` }
  for (const line of lines) {
    const here = line.replaceAll('s3://backups', `s3://${Bucket}`)
    if (line.includes('--resume ')) await stopped(t, Bucket)
    await t.resolves(promisify(execFile)('bash', ['-o', 'pipefail', '-c', here], { cwd: folder, env }), line)
    const Key = /s3:\/\/backups\/(\S+)/.exec(line)?.[1]
    if (Key !== undefined && !line.includes('--dry-run')) t.ok(await head(Bucket, Key), Key)
  }
})

t.test('every shell block of every page is a command that the gate runs to the letter', (t) => {
  const gate = readFileSync(join(ROOT, '.ci/run'), 'utf8')
  const commands = blocks
    .filter(({ language }) => language === 'sh')
    .map(({ code }) => code.trim())
    // bundlers.test.ts runs this one.
    .filter((command) => !command.startsWith('npx esbuild '))
  t.same(commands, ['npm install s3-writable @aws-sdk/client-s3', 'npm ci && npm run demo', 'npm ci && npm test'])
  for (const command of commands.slice(1)) t.ok(gate.includes(command), command)
  t.end()
})

t.test('no page has other blocks, and the README has a working example by line 25', (t) => {
  const languages = (of: typeof blocks): string[] => [...new Set(of.map(({ language }) => language))].sort()
  t.same(languages(blocks.filter(({ page }) => page === 'README.md')), ['bash', 'sh', 'ts'])
  t.same(languages(blocks), [...RUN, ...TEXT].sort())
  for (const { path, text } of pages) {
    // A fence that is not closed, or of another kind, and code that is shown by its indentation.
    t.notMatch(prose(text), /^ *(```|~~~)|^( {4}|\t)/m, path)
  }
  t.match(README.split('\n').slice(0, 25).join('\n'), /^```ts\n.*^```$/ms)
  t.end()
})

t.test('the README is at most 12 KB', (t) => {
  t.ok(Buffer.byteLength(README) <= 12 * 1024, `${Buffer.byteLength(README)} bytes`)
  t.end()
})

t.test('there is a page on the code, the command, resuming, stores, moving, testing, figures and recipes', (t) => {
  const there = pages.map(({ path }) => path)
  const needed = ['lib', 'lib/cli', 'lib/resume', 'lib/threads', 'bench', 'test/recipes'].map(
    (folder) => `${folder}/README.md`,
  )
  for (const path of [...needed, 'lib/stores.md', 'lib/moving-from-upload.md', 'lib/testing.md']) {
    t.ok(there.includes(path), path)
    t.match(README, `](${path}`, `the README links ${path}`)
  }
  t.end()
})

t.test('every relative link of every page leads to a file, and to a heading where it names one', (t) => {
  for (const page of pages) t.same(brokenLinks(page), [], page.path)
  t.end()
})

t.test('the picture has no script, a text in its place, and colours for light and dark', (t) => {
  const [, file] = /!\[.+\]\((lib\/[\w-]+\.svg)\)/.exec(README) ?? []
  const picture = readFileSync(join(ROOT, file as string), 'utf8')
  t.ok(Buffer.byteLength(picture) < 6 * 1024)
  t.match(picture, /<title[^>]*>[^<]+<\/title>\s*<desc[^>]*>[^<]+<\/desc>/)
  t.match(picture, '@media (prefers-color-scheme: dark)')
  t.notMatch(picture, /<script|href|\bon\w+=/)
  for (const [, size] of picture.matchAll(/(\d+)px/g)) t.ok(Number(size) >= 12, `${size} px`)
  t.end()
})

t.test('the table of memory is what the parts take', (t) => {
  const text = page('lib/README.md')
  const { sizeOfPart: sizes, concurrency } = checkOptions({ client: s3Client(t), Bucket: 'b', Key: 'k' })
  const inMiB = (bytes: number): string => `${(bytes / MiB).toLocaleString('en')} MiB`
  const memory = (first: number, present: number): string => inMiB(Math.max(first * (concurrency.max + 1), 2 * present))
  const rows = ['39 GiB', '50 GiB', '100 GiB', '500 GiB', '1 TiB', '2 TiB', '3 TiB'].map((length) => {
    const [number, unit] = length.split(' ') as [string, string]
    const bytes = Number(number) * MiB * (unit === 'GiB' ? 1024 : 1024 ** 2)
    let PartNumber = 1
    for (let before = 0; before + sizes(PartNumber) < bytes; PartNumber++) before += sizes(PartNumber)
    const grown = sizes(PartNumber)
    const known = raisePartSize(bytes, sizes(1), 10_000)
    return `| ${[length, inMiB(grown), memory(sizes(1), grown), inMiB(known), memory(known, known)].join(' | ')} |`
  })
  t.same(text.match(/^\| [\d,]+ [GT]iB \|.*$/gm), rows)
  const small = planPartSizes(P, 10_000, false)
  const holds = Array.from({ length: 10_000 }, (_, i) => small(i + 1)).reduce((sum, size) => sum + size)
  t.match(
    text.replaceAll(/\s+/g, ' '),
    `With a \`partSize\` of 5 MiB it is ${(holds / MiB / 1024 ** 2).toFixed(1)} TiB.`,
  )
  t.end()
})

t.test('every script, and every test file, that a page names is one', (t) => {
  for (const { path, text } of pages) t.same(missingNames(text), [], path)
  t.end()
})

t.test('the README’s table has every option of the stream', (t) => {
  const wrong = { client: s3Client(t), Bucket: 'b', Key: 'k', nothing: 1 }
  try {
    s3Writable(wrong as never)
    t.fail('an unknown option is refused')
  } catch (error) {
    const names = /The options are (.*), and S3's parameters/.exec((error as Error).message)?.[1]?.split(', ') ?? []
    t.ok(names.length > 8)
    const rows = [...README.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name as string)
    for (const name of names) t.ok(rows.includes(name), name)
  }
  t.end()
})
