/** `npm run stores`: installs stores, runs the checks on them, and says what each can do. See `--help`. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeCertificate } from '../support/certificate.js'
import { checks } from './checks/all.js'
import { bundleChecks } from './runner/bundle.js'
import { runJob } from './runner/job.js'
import { writePage } from './runner/page.js'
import { readResults, writeResults } from './runner/results.js'
import { prepareRuntime, type Runtime } from './runner/runtime.js'
import type { Limit, Store } from './runner/store.js'
import { type Verdict, verdict } from './runner/verdict.js'
import { stores } from './stores.js'

const CACHE = join(import.meta.dirname, '../../.cache/stores')
const NAMES = stores.map(({ name }) => name)
const HELP = `Usage: npm run stores -- [options] [STORE...]

Installs each store into .cache/stores, or plays it in front of MinIO, starts it on the loopback interface, runs the checks on it, and stops it.
Without a name it does so with all stores: ${NAMES.join(', ')}.

Options:
  --runtime NAME    run the checks in another runtime: node@20, node@22, node@24, node@26, bun or deno
  --client VERSION  run the checks with this version of @aws-sdk/client-s3
  --check TEXT      run only the checks whose name contains TEXT
  --write           write the results to test/stores/results.json, and the tables to test/stores/README.md
  --verbose         print each check when it has ended
  --help            print this

The exit code is 1 if a check failed, or if a check passed that a store is said to be unable to pass.`

interface Report {
  store: Store
  /** What the store or the runtime cannot do. */
  limits: Limit[]
  verdict: Verdict
}

// The process of a store ends with this one, and stops its store.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

try {
  process.exitCode = await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runtime: { type: 'string' },
      client: { type: 'string' },
      check: { type: 'string' },
      write: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const unknown = positionals.find((name) => !NAMES.includes(name))
  if (unknown !== undefined) throw new Error(`There is no store "${unknown}". The stores are: ${NAMES.join(', ')}`)
  if (values.write && values.check !== undefined) throw new Error('--write needs all checks: leave out --check')
  const names = Object.keys(checks).filter((name) => name.includes(values.check ?? ''))
  if (names.length === 0) throw new Error(`No check's name contains "${values.check}"`)
  if (!existsSync(join(import.meta.dirname, '../../dist/index.js'))) throw new Error('Run npm run build first')

  const chosen = stores.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const runtime = prepareRuntime(join(CACHE, 'runtimes'), values)
  console.log(`${names.length} checks on ${runtime.name} with @aws-sdk/client-s3 ${runtime.client}`)
  const reports: Report[] = []
  for (const store of chosen) {
    const limits = [...store.limits, ...runtime.limits]
    const report = { store, limits, verdict: await testStore(store, limits, runtime, names, values) }
    reports.push(report)
    console.log(line(report))
  }
  for (const { store, verdict } of reports) {
    for (const { check, reason } of verdict.failed) console.log(`\n${store.name}: ${check}\n  ${reason}`)
  }
  if (values.write) write(reports, runtime, values.runtime !== undefined || values.client !== undefined)
  return reports.some(({ verdict }) => verdict.failed.length > 0) ? 1 : 0
}

interface Options {
  check?: string | undefined
  verbose: boolean
}

/** Installs a store and runs the checks on it. A store that does not start fails every check. */
async function testStore(
  store: Store,
  limits: Limit[],
  runtime: Runtime,
  names: string[],
  { check, verbose }: Options,
): Promise<Verdict> {
  const installed = join(CACHE, store.name)
  const log = join(CACHE, 'logs', `${store.name}.log`)
  const scratch = mkdtempSync(join(tmpdir(), 's3-writable-stores-'))
  mkdirSync(join(CACHE, 'logs'), { recursive: true })
  rmSync(log, { force: true })
  const remove = (): void => rmSync(scratch, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    if (verbose) console.log(`Installing ${store.title}, if it is not there`)
    store.install(installed)
    const certificate = await makeCertificate(join(scratch, 'certs'))
    const bundle = join(runtime.folder, 'checks.mjs')
    copyFileSync(await bundleChecks(scratch), bundle)
    const { folder } = runtime
    const command = [...runtime.command, bundle]
    const only = check === undefined ? {} : { only: check }
    const job = { store: store.name, installed, log, certificate, command, folder, ...only }
    const outcomes = await runJob(store, job, ({ name, ms, reason }) => {
      if (verbose) console.log(`  ${reason === undefined ? 'passed' : 'failed'} ${name} (${ms} ms) ${reason ?? ''}`)
    })
    return verdict(limits, names, outcomes)
  } catch (error) {
    const { message: reason } = error as Error
    return { passed: [], cannot: [], failed: names.map((check) => ({ check, reason })) }
  } finally {
    remove()
    process.off('exit', remove)
  }
}

/** Such as "swift 2.30.1: 50 passed, 12 cannot, 2 failed", and what the store cannot do. */
function line({ store, limits, verdict }: Report): string {
  const { passed, cannot, failed } = verdict
  const lines = limits.flatMap(({ answer, checks }) => {
    const seen = checks.filter((check) => cannot.includes(check))
    return seen.length === 0 ? [] : [`\n  cannot: ${answer} (${seen.join('; ')})`]
  })
  const counts = `${passed.length} passed, ${cannot.length} cannot, ${failed.length} failed`
  return `${store.name} ${store.version}: ${counts}${lines.join('')}`
}

/** Writes the results of these stores into the file and the page; those of other stores stay. */
function write(reports: Report[], runtime: Runtime, isOther: boolean): void {
  const results = readResults()
  const date = new Date().toISOString().slice(0, 10)
  for (const { store, verdict } of reports) {
    const { passed, cannot, failed } = verdict
    const { name, client } = runtime
    const key = isOther ? [name.replace(/(\d+)\..*/, '$1'), client, store.name].join(', ') : store.name
    const section = isOther ? results.runtimes : results.stores
    section[key] = { date, version: store.version, runtime: name, client, passed: passed.length, cannot, failed }
  }
  writeResults(results)
  writePage(stores, results)
}
