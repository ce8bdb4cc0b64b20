import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ProgramResult, plainEnv } from '../support/run-program.js'

const ROOT = join(import.meta.dirname, '../..')
const RUN = join(ROOT, 'test/support/run.ts')
/** Without what tap and npm have set for this run, and with the S3 of this run as the one to use. */
const env: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(plainEnv).filter(([name]) => !/^(_?TAP|npm_|TEST_S3$)/.test(name)),
)

/**
 * A project whose library its tests cover in part. It is outside of this repository, where a run would remove the
 * coverage of the present run, and where tap measures no coverage of fixtures.
 */
function project(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 's3-writable-npm-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const half = `export const half = (n: number): number => {
  if (n % 2 === 0) return n / 2
  throw new Error('odd')
}
`
  const imports = "import t from 'tap'\nimport { half } from '../lib/half.js'\n"
  const files = t.testdir({
    'package.json': JSON.stringify({ type: 'module' }),
    '.taprc': 'include:\n  - test/**/*.test.ts\n',
    lib: { 'half.ts': half },
    test: {
      'half.test.ts': `${imports}t.equal(half(4), 2)\n`,
      'failing.test.ts': `${imports}t.equal(half(4), 3)\n`,
      other: { 'without-lib.test.ts': "import t from 'tap'\nt.pass('it loads nothing of lib')\n" },
    },
  })
  cpSync(files, folder, { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** Runs what `npm test` runs after its build. */
async function npmTest(cwd: string, ...args: string[]): Promise<ProgramResult> {
  return await new Promise((resolve) => {
    const node = ['--import', import.meta.resolve('tsx'), RUN, ...args]
    const child = execFile(process.execPath, node, { cwd, env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
  })
}

t.test('tests that are named on the command line pass without covering all of lib', async (t) => {
  const folder = project(t)
  for (const [names, count] of [
    [['test/half.test.ts', '--jobs', '1', 'test/other'], 2],
    [['test/o*/*.ts'], 1],
    [['--disable-coverage', 'test/half.test.ts'], 1],
  ] as const) {
    const { code, stdout, stderr } = await npmTest(folder, ...names)
    if (!t.equal(code, 0, names.join(' '))) t.comment(stdout, stderr)
    t.match(stdout, `pass: ${count} }`)
    t.match(stdout, /^Testing on Node/)
  }
})

t.test('a test that fails exits with 1, and so do all tests if they cover only a part of lib', async (t) => {
  const folder = project(t)
  t.match(await npmTest(folder, 'test/failing.test.ts'), { code: 1, stdout: 'fail: 1 }' })
  const all = await npmTest(folder, '--exclude=test/failing.test.ts', '--reporter', 'tap')
  t.match(all, { code: 1, stdout: 'pass: 2 }' }, 'the value of an option names no test')
  t.match(all.stdout, /half\.ts +\| +50 /)
})

t.test("tap's own options hold for named tests too", async (t) => {
  t.match(await npmTest(project(t), 'test/half.test.ts', '--lines=100'), { code: 1, stdout: 'pass: 1 }' })
})

t.test('npm test says that there is no S3 before it builds anything', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const withoutBuild = { ...scripts, build: 'echo the build has begun && exit 9' }
  const folder = t.testdir({ 'package.json': JSON.stringify({ type: 'module', scripts: withoutBuild }) })
  for (const name of ['node_modules', 'test']) symlinkSync(join(ROOT, name), join(folder, name))
  // The programs that npm needs, and no others.
  const PATH = join(folder, 'bin')
  mkdirSync(PATH)
  symlinkSync(process.execPath, join(PATH, 'node'))
  for (const program of ['npm', 'sh', 'env']) {
    const { stdout } = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' })
    symlinkSync(stdout.trim(), join(PATH, program))
  }
  const outcomes: [env: NodeJS.ProcessEnv, status: number, message: RegExp][] = [
    [{ TEST_S3: 'go' }, 1, /needs? an S3, and none was found.*\n.*S3_ENDPOINT.*\n.*minio.*\n.*Docker.*\n.*Go/],
    [
      { S3_ENDPOINT: 'http://127.0.0.1:9' },
      1,
      /S3_ENDPOINT is set to http:\/\/127\.0\.0\.1:9, which does not answer: ./,
    ],
    [{}, 9, /the build has begun/],
  ]
  for (const [more, code, message] of outcomes) {
    const options = { cwd: folder, env: { ...env, PATH, ...more }, encoding: 'utf8' } as const
    const { status, stdout, stderr } = spawnSync(join(PATH, 'npm'), ['test'], options)
    t.equal(status, code)
    const output = `${stdout}${stderr}`
    t.match(output, message)
    if (code === 1) t.notMatch(output, 'the build has begun')
  }
  t.end()
})
