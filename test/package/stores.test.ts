import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checks } from '../stores/checks/all.js'
import { PAGE, pageWith } from '../stores/runner/page.js'
import { readResults } from '../stores/runner/results.js'
import { verdict } from '../stores/runner/verdict.js'
import { stores } from '../stores/stores.js'
import { runProgram } from '../support/run-program.js'

const FOLDER = join(import.meta.dirname, '../stores')
const NAMES = Object.keys(checks)

t.test('every file of a store is in the list of stores', async (t) => {
  const others = ['main.ts', 'stores.ts']
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ts') && !others.includes(name))
  t.same(files, stores.map(({ name }) => `${name}.ts`).sort())
})

t.test('the limits of a store name checks that exist, and each check once', async (t) => {
  for (const { name, limits } of stores) {
    const named = limits.flatMap(({ checks }) => checks)
    t.same(
      named.filter((check) => !NAMES.includes(check)),
      [],
      name,
    )
    t.equal(new Set(named).size, named.length, name)
  }
})

t.test('the results are those of the files of the stores', async (t) => {
  const { stores: results, runtimes } = readResults()
  t.same(Object.keys(results).sort(), stores.map(({ name }) => name).sort())
  for (const { name, version, limits } of stores) {
    const result = results[name]
    t.equal(result?.version, version, name)
    const failed = result?.failed.map(({ check }) => check) ?? []
    const impossible = (sometimes: boolean): string[] =>
      limits.filter((limit) => (limit.sometimes === true) === sometimes).flatMap(({ checks }) => checks)
    const cannot = result?.cannot.filter((check) => !impossible(true).includes(check)) ?? []
    const expected = impossible(false).filter((check) => !failed.includes(check))
    t.same(cannot.sort(), expected.sort(), name)
    t.equal((result?.passed ?? 0) + (result?.cannot.length ?? 0) + failed.length, NAMES.length, name)
  }
  for (const [key, { passed, cannot, failed }] of Object.entries(runtimes)) {
    t.equal(passed + cannot.length + failed.length, NAMES.length, key)
  }
})

t.test('the tables of the page are made of the files and the results', async (t) => {
  const page = readFileSync(PAGE, 'utf8')
  t.equal(page, pageWith(page, stores, readResults()))
})

t.test('a check that a store cannot do fails the run if it passes', async (t) => {
  const limits = [
    { answer: '501', checks: ['b', 'c'] },
    { answer: '503', checks: ['f', 'g'], sometimes: true },
  ]
  const outcomes = [
    { name: 'a', ms: 1 },
    { name: 'b', ms: 1 },
    { name: 'c', ms: 1, reason: 'NotImplemented' },
    { name: 'd', ms: 1, reason: 'wrong' },
    { name: 'f', ms: 1 },
    { name: 'g', ms: 1, reason: 'SlowDown' },
  ]
  t.same(verdict(limits, ['a', 'b', 'c', 'd', 'e', 'f', 'g'], outcomes), {
    passed: ['a', 'f'],
    cannot: ['c', 'g'],
    failed: [
      { check: 'b', reason: 'it passes, so it is no longer impossible. Remove it from the limits: 501' },
      { check: 'd', reason: 'wrong' },
      { check: 'e', reason: 'it did not run to its end' },
    ],
  })
})

t.test('npm run stores says what it was given wrong', async (t) => {
  const main = join(FOLDER, 'main.ts')
  for (const [args, expected] of [
    [['no-such-store'], /^There is no store "no-such-store". The stores are: minio, versitygw, /],
    [['--check', 'no such check', 'minio'], /^No check's name contains "no such check"/],
    [['--write', '--check', 'a', 'minio'], /^--write needs all checks/],
    [['--runtime', 'jvm', 'minio'], /^--runtime must be one of node, bun, deno/],
  ] as const) {
    const { code, stderr } = await runProgram(main, [...args], { NODE_NO_WARNINGS: '1' })
    t.equal(code, 1, args.join(' '))
    t.match(stderr, expected)
  }
  const { code, stdout } = await runProgram(main, ['--help'], { NODE_NO_WARNINGS: '1' })
  t.equal(code, 0)
  t.match(stdout, /--runtime NAME/)
})
