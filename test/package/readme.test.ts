import { execFile } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { s3Writable } from '../../lib/index.js'
import { checkOptions } from '../../lib/options/check.js'
import { planPartSizes, raisePartSize } from '../../lib/parts/sizes.js'
import { bytes, MiB, P } from '../support/bytes.js'
import { blocks, program, README } from '../support/pages.js'
import { runProgram, s3Env } from '../support/run-program.js'
import { endpoint, head, makeBucket, s3Client } from '../support/store.js'
import { unfinishedUpload } from '../support/unfinished-upload.js'

const ROOT = join(import.meta.dirname, '../..')
const TALK = bytes(12 * MiB)
/** What a command or a block that resumes goes on with. */
const stopped = (t: Test, Bucket: string) =>
  unfinishedUpload(s3Client(t), Bucket, { 1: TALK.subarray(0, P) }, { Key: 'talk.webm' })

t.test('every TypeScript block of the README compiles, runs, and makes the object that it names', async (t) => {
  const programs = blocks.filter(({ language }) => language === 'ts').map(({ code }) => program(code))
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
  const tsconfig = { extends: join(ROOT, 'tsconfig.json'), compilerOptions: { rootDir: ROOT }, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  await t.resolves(promisify(execFile)(process.execPath, [join(ROOT, 'node_modules/.bin/tsc'), '-p', folder]))

  for (const [i, file] of files.entries()) {
    if (/\bresume/.test(programs[i] as string)) await stopped(t, Buckets[i] as string)
    const { code, stderr } = await runProgram(file, [], { AWS_ENDPOINT_URL: endpoint.href }, folder)
    if (!t.equal(code, 0, `block ${i + 1} ends with 0`)) t.comment(stderr)
    const Key = /\bKey: '(.*?)'/.exec(programs[i] as string)?.[1]
    t.ok(Key !== undefined && (await head(Buckets[i] as string, Key)), `block ${i + 1} makes ${Key}`)
  }
})

t.test('every command line of the README works', async (t) => {
  const lines = blocks.filter(({ language }) => language === 'bash').flatMap(({ code }) => code.trim().split('\n'))
  t.ok(lines.length >= 5)
  const Bucket = await makeBucket(t)
  const command = `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'dist/cli/main.js')}' "$@"\n`
  const bin = { 's3-writable': command }
  const folder = t.testdir({ bin, 'talk.webm': TALK, photos: { 'a.jpg': bytes(1000) } })
  chmodSync(join(folder, 'bin/s3-writable'), 0o755)
  const env = { ...s3Env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` }
  for (const line of lines) {
    const here = line.replaceAll('s3://backups', `s3://${Bucket}`)
    if (line.includes('--resume')) await stopped(t, Bucket)
    await t.resolves(promisify(execFile)('bash', ['-o', 'pipefail', '-c', here], { cwd: folder, env }), line)
    const Key = /s3:\/\/backups\/(\S+)/.exec(line)?.[1]
    if (Key !== undefined) t.ok(await head(Bucket, Key), Key)
  }
})

t.test('every shell block of the README is a command that the gate runs to the letter', (t) => {
  const gate = readFileSync(join(ROOT, '.ci/run'), 'utf8')
  const commands = blocks.filter(({ language }) => language === 'sh').map(({ code }) => code.trim())
  t.same(commands, ['npm install s3-writable @aws-sdk/client-s3', 'npm ci && npm run demo', 'npm ci && npm test'])
  for (const command of commands.slice(1)) t.ok(gate.includes(command), command)
  t.end()
})

t.test('the README has no other blocks, and a working example by line 25', (t) => {
  t.same([...new Set(blocks.map(({ language }) => language))].sort(), ['bash', 'sh', 'ts'])
  t.match(README.split('\n').slice(0, 25).join('\n'), /^```ts\n.*^```$/ms)
  t.end()
})

t.test('the README’s table of memory is what the parts take', (t) => {
  const { sizeOfPart: sizes, concurrency } = checkOptions({ client: s3Client(t), Bucket: 'b', Key: 'k' })
  const inMiB = (bytes: number): string => `${(bytes / MiB).toLocaleString('en')} MiB`
  const memory = (first: number, present: number): string => inMiB(Math.max(first * (concurrency + 1), 2 * present))
  const rows = ['39 GiB', '50 GiB', '100 GiB', '500 GiB', '1 TiB', '2 TiB', '3 TiB'].map((length) => {
    const [number, unit] = length.split(' ') as [string, string]
    const bytes = Number(number) * MiB * (unit === 'GiB' ? 1024 : 1024 ** 2)
    let PartNumber = 1
    for (let before = 0; before + sizes(PartNumber) < bytes; PartNumber++) before += sizes(PartNumber)
    const grown = sizes(PartNumber)
    const known = raisePartSize(bytes, sizes(1), 10_000)
    return `| ${[length, inMiB(grown), memory(sizes(1), grown), inMiB(known), memory(known, known)].join(' | ')} |`
  })
  t.same(README.match(/^\| [\d,]+ [GT]iB \|.*$/gm), rows)
  const small = planPartSizes(P, 10_000, false)
  const holds = Array.from({ length: 10_000 }, (_, i) => small(i + 1)).reduce((sum, size) => sum + size)
  t.match(README, `With a \`partSize\` of 5 MiB it is ${(holds / MiB / 1024 ** 2).toFixed(1)} TiB.`)
  t.end()
})

t.test('every script that the README names is one', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object }
  const named = [...README.matchAll(/npm run ([\w-]+)/g)].map(([, name]) => name as string)
  for (const name of new Set(named)) t.ok(name in scripts, name)
  t.end()
})

t.test('the README tells of every option of ours', (t) => {
  const wrong = { client: s3Client(t), Bucket: 'b', Key: 'k', nothing: 1 }
  try {
    s3Writable(wrong as never)
    t.fail('an unknown option is refused')
  } catch (error) {
    const names = /There are (.*), and S3's own/.exec((error as Error).message)?.[1]?.split(', ') ?? []
    t.ok(names.length > 8)
    const rows = [...README.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name as string)
    for (const name of names) t.ok(rows.includes(name), name)
  }
  t.end()
})
