import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { blocks, page } from '../support/pages.js'
import { runNode } from '../support/run-program.js'

const ROOT = join(import.meta.dirname, '../..')
const EXAMPLES = join(ROOT, 'test/recipes/testing')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
const JEST = join(ROOT, 'node_modules/jest/bin/jest.js')
const NAMED = 'a report is named after the day'
/** What breaks the first test of an example. */
const OTHER_DAY = ["'2026-02-03.txt'", "'another day'"] as const
const WITH_CLOCK = [
  NAMED,
  'a report that takes more than a minute is given up',
  'a request that stalls fails',
  'a failed part needs no advance of the clock',
  'AbortSignal.timeout keeps to real time',
]

/** Without coverage: Vitest and Jest change the code that they load, so it could not be counted for the right lines. */
const runTests: typeof runNode = (args, env) => runNode(args, { _TAPJS_PROCESSINFO_COVERAGE_: '0', ...env })

/** What `vitest --reporter=json` and `jest --json` print. */
interface Report {
  testResults: {
    name: string
    message: string
    assertionResults: { title: string; status: string; failureMessages: string[] }[]
  }[]
}

/** A copy of the examples, in the project, where 's3-writable' is the project itself. */
function examples(t: Test): string {
  const folder = t.testdir()
  cpSync(EXAMPLES, folder, { recursive: true })
  return folder
}

/** Adds an example of which only the first test is left, and in which `text` is replaced, so that it fails: `broken.FILE`. */
function breakExample(t: Test, folder: string, file: string, text: string, instead: string): void {
  const [imports, first] = readFileSync(join(folder, file), 'utf8').split(/^(?=test\()/m)
  const example = `${imports}${first}`
  t.match(example, text)
  writeFileSync(join(folder, `broken.${file}`), example.replace(text, instead))
}

/** The status of each test of a file, and the messages of those that failed. */
function outcome(stdout: string, file: string): { tests: Record<string, string>; messages: string } {
  const { testResults } = JSON.parse(stdout) as Report
  const found = testResults.find(({ name }) => name.endsWith(`/${file}`))
  const results = found?.assertionResults ?? []
  return {
    tests: Object.fromEntries(results.map(({ title, status }) => [title, status])),
    messages: [found?.message, ...results.flatMap(({ failureMessages }) => failureMessages)].join('\n'),
  }
}

const passed = (names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, 'passed']))

t.test('node:test: the examples with a mock client, and with the fake timers of Sinon, pass', async (t) => {
  const folder = examples(t)
  breakExample(t, folder, 'sinon.test.mjs', ...OTHER_DAY)
  const files = ['mock.test.mjs', 'sinon.test.mjs', 'broken.sinon.test.mjs'].map((file) => join(folder, file))
  const { code, stdout } = await runTests(['--test', '--test-reporter=tap', ...files])
  t.equal(code, 1)
  t.match(stdout, /^# pass 15$/m)
  t.match(stdout, /^# fail 1$/m)
  const failed = [...stdout.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, name]) => name)
  if (!t.same(failed, [NAMED])) t.comment(stdout)
})

t.test('Vitest: the example passes', async (t) => {
  const folder = examples(t)
  breakExample(t, folder, 'vitest.test.mjs', ...OTHER_DAY)
  const { stdout, stderr } = await runTests([VITEST, 'run', '--root', folder, '--reporter=json', 'vitest.test'])
  if (!t.same(outcome(stdout, 'vitest.test.mjs').tests, passed(WITH_CLOCK))) t.comment(stdout, stderr)
  const broken = outcome(stdout, 'broken.vitest.test.mjs')
  t.same(broken.tests, { [NAMED]: 'failed' })
  t.match(broken.messages, 'another day')
})

t.test('Jest: the example passes, and an upload never ends under the fake timers of its defaults', async (t) => {
  const folder = examples(t)
  breakExample(t, folder, 'jest.test.mjs', ", doNotFake: ['nextTick', 'queueMicrotask']", '')
  writeFileSync(join(folder, 'require.test.cjs'), "test('require', () => expect(require('s3-writable')).toBeDefined())")
  const args = [JEST, '--config', '{}', '--rootDir', folder, '--json']
  const { code, stdout, stderr } = await runTests([...args, 'jest.test', 'require.test'], {
    NODE_OPTIONS: '--experimental-vm-modules',
  })
  if (!t.equal(code, 1)) t.comment(stdout, stderr)
  t.same(outcome(stdout, 'jest.test.mjs').tests, passed(WITH_CLOCK))
  const broken = outcome(stdout, 'broken.jest.test.mjs')
  t.same(broken.tests, { [NAMED]: 'failed' })
  t.match(broken.messages, 'Exceeded timeout')
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const requires = major > 24 || (major === 24 && minor >= 9)
  t.same(outcome(stdout, 'require.test.cjs').tests, { require: requires ? 'passed' : 'failed' })

  const withoutFlag = await runTests([...args, 'jest.test'])
  t.equal(withoutFlag.code, 1)
  t.match(outcome(withoutFlag.stdout, 'jest.test.mjs').messages, 'Must use import to load ES Module')
})

t.test('each JavaScript block of a page is a part of an example', (t) => {
  const texts = readdirSync(EXAMPLES).map((file) => readFileSync(join(EXAMPLES, file), 'utf8'))
  const shown = blocks.filter(({ language }) => language === 'js')
  t.ok(shown.length >= 3)
  for (const { code } of shown) {
    const isShown = texts.some((text) => text.includes(code))
    t.ok(isShown, code.slice(0, 60))
  }
  t.end()
})

t.test('the page names the settings of the examples', (t) => {
  const text = page('lib/testing.md')
  for (const setting of [
    "sinon.useFakeTimers({ toNotFake: ['nextTick', 'queueMicrotask'] })",
    'vi.useFakeTimers()',
    "jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] })",
    'NODE_OPTIONS=--experimental-vm-modules',
  ])
    t.ok(text.includes(setting), setting)
  t.end()
})
