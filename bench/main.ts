/**
 * `npm run bench`: measures s3-writable and its alternatives in turn, each run in a fresh process, against a server that
 * discards what it receives. Only the ratios can be compared between machines. See `--help`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeCertificate } from '../test/support/certificate.js'
import { CASES, type Case, oursOf } from './cases.js'
import { benchChunkers } from './chunker.js'
import { benchCommands } from './command.js'
import { FAR, noLink, withLink } from './link.js'
import { longLink } from './link-cases.js'
import { besideStore, forStore, STORE, withStore } from './minio.js'
import { machine, type Ran, table, type Verdict, verdictLine, verdicts } from './report.js'
import { write, writeLinks, writeServer } from './results.js'
import { compare, type Where, withSink } from './runner.js'
import { benchServer, noServer, serverTables } from './server.js'

const HELP = `npm run bench -- [OPTION…]
  --quick       the shorter cases, with fewer bytes
  --check       exit with 1 if a figure is less than half as good as its target
  --case TEXT   only the cases whose title contains TEXT
  --chunker     measure only the cutting into parts, without a server
  --command     the command beside those of other tools, on a MinIO as with --minio
  --server      a server that answers requests while it uploads; needs Linux
  --minio       against a MinIO, found or started as npm test does, instead of the discarding server
  --rtt MS      over a link with this round trip, instead of the cases; needs root, Linux, Go and iproute2
  --mbit N      the rate of that link, in megabits a second, 1000 by default; a run is at most what it carries in 80 s
  --rounds N    how often each contender runs, by default 7, and 3 with --quick or --rtt
  --no-write    do not write bench/results`

const { values } = parseArgs({
  allowNegative: true,
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    case: { type: 'string', default: '' },
    chunker: { type: 'boolean', default: false },
    command: { type: 'boolean', default: false },
    server: { type: 'boolean', default: false },
    minio: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    rtt: { type: 'string' },
    mbit: { type: 'string', default: '1000' },
    write: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit()
}
if (values.chunker) {
  await benchChunkers()
  process.exit()
}
if (values.minio && values.rtt !== undefined)
  throw new TypeError('--minio and --rtt exclude each other: a link leads to the sink')
if ((values.minio || values.command) && STORE === undefined) process.exit(besideStore())
const store = values.minio ? STORE : undefined
const rounds = whole('rounds', values.rounds ?? (values.quick || values.rtt !== undefined ? '3' : '7'))
if (values.command && STORE !== undefined) {
  await withStore(STORE, ({ endpoint }) => benchCommands(endpoint, rounds))
  process.exit()
}
if (values.server) {
  await runServer()
  process.exit()
}
const rtt = values.rtt === undefined ? undefined : whole('rtt', values.rtt)
const mbit = whole('mbit', values.mbit)
const no = rtt === undefined ? undefined : noLink()
if (no !== undefined) {
  console.log(`The long link is skipped: ${no}`)
  process.exit()
}
const sunk = rtt === undefined ? CASES : [longLink({ rtt, mbit })]
const possible = store === undefined ? sunk : sunk.flatMap((it) => forStore(it, store) ?? [])
const cases = possible.filter((it) => it.title.includes(values.case) && !(values.quick && it.long))
if (cases.length === 0) throw new RangeError(`No case has ${JSON.stringify(values.case)} in its title`)

const folder = mkdtempSync(join(tmpdir(), 's3-writable-bench-'))
const ran: Ran[] = []
try {
  console.log(
    `${machine()}\n4 parts at once, unless a name says otherwise; the median of ${rounds} rounds, the spread of the speed, and the median of the rounds' ratios\n`,
  )
  const certificate = await makeCertificate(folder, ['127.0.0.1', FAR])
  const all = async (): Promise<void> => {
    for (const it of cases) {
      const secure = it.protocol === 'https' ? certificate : undefined
      const run = (where: Where): Promise<Ran> => runCase(it, where)
      const one = await (store === undefined ? withSink(secure, run, rtt !== undefined) : withStore(store, run))
      ran.push(one)
      console.log(table(one))
    }
  }
  if (rtt === undefined) await all()
  else await withLink(rtt, mbit, folder, all)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
// The targets are for a server that is never the limit.
const all = store === undefined ? ran.flatMap(verdicts) : []
if (all.length > 0) console.log('| case | figure | target | measured | met |\n| --- | --- | --- | --- | --- |')
for (const verdict of all) console.log(verdictLine(verdict))
if (values.write && values.case === '' && !values.quick && store === undefined) {
  const link = rtt === undefined ? '' : `--rtt ${rtt} ${mbit === 1000 ? '' : `--mbit ${mbit} `}`
  const facts = {
    date: new Date().toISOString().slice(0, 10),
    command: `npm run bench -- ${link}--rounds ${rounds}`,
    machine: machine(),
    rounds,
  }
  if (rtt === undefined) write(ran, facts)
  else writeLinks(ran, facts)
}
const farOff = all.filter((one: Verdict) => one.farOff)
if (values.check && farOff.length > 0) {
  console.error(`${farOff.length} figures are less than half as good as their target`)
  process.exitCode = 1
}

async function runServer(): Promise<void> {
  const missing = noServer()
  if (missing !== undefined) {
    console.log(`The server under upload is skipped: ${missing}`)
    return
  }
  const temporary = mkdtempSync(join(tmpdir(), 's3-writable-bench-'))
  try {
    const certificate = await makeCertificate(temporary)
    const served = await withSink(certificate, (where) => benchServer(where, rounds))
    console.log(`${machine()}\n\n${serverTables(served)}`)
    const date = new Date().toISOString().slice(0, 10)
    const command = `npm run bench -- --server --rounds ${rounds}`
    if (values.write) writeServer(served, { date, command, machine: machine(), rounds })
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

async function runCase(it: Case, where: Where): Promise<Ran> {
  const MiB = values.quick ? (it.quickMiB ?? Math.min(it.MiB, 512)) : it.MiB
  const quick = [oursOf(it), ...it.targets.map(({ against }) => against)]
  const keepAll = !values.quick || it.link !== undefined
  const contenders = it.contenders.filter((name) => keepAll || quick.includes(name))
  return { it, MiB, outcome: await compare(it, where, { rounds, MiB }, contenders) }
}

function whole(name: string, given: string): number {
  if (/^[1-9]\d*$/.test(given)) return Number(given)
  throw new RangeError(`--${name} must be a whole number from 1. Received ${given}`)
}
