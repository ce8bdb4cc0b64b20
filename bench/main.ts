/**
 * `npm run bench [-- --quick]`: s3-writable and the SDK's Upload, one after the other in fresh processes, against a
 * server that drops what it gets. Only the ratios mean anything on another machine.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { makeCertificate } from '../test/support/certificate.js'
import type { Measured } from './contender.js'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const ROUNDS = values.quick ? 3 : 7
const MIB = values.quick ? 256 : 1024
const NAMES = ['s3-writable', 'Upload'] as const
const folder = mkdtempSync(join(tmpdir(), 's3-writable-bench-'))

type Row = Record<keyof Measured, number>

try {
  const { cert, key } = await makeCertificate(folder)
  console.log(
    `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, client-s3 ${version('@aws-sdk/client-s3')}`,
  )
  console.log(`${MIB} MiB in writes of 64 KiB into parts of 8 MiB, 4 at once; the median of ${ROUNDS} rounds\n`)
  console.log('| | MiB/s | CPU seconds a GiB | memory, MiB |\n| --- | --- | --- | --- |')
  for (const protocol of ['https', 'http']) {
    const rows = await compare(protocol, protocol === 'https' ? [cert, key] : [], cert)
    const [ours, theirs] = rows as [Row, Row]
    for (const [i, name] of NAMES.entries()) console.log(line(`${name}, ${protocol}`, rows[i] as Row))
    const ratio = (key: keyof Measured, of: Row, to: Row): string => `${(of[key] / to[key]).toFixed(2)} ×`
    const ratios = [ratio('seconds', theirs, ours), ratio('cpuSeconds', ours, theirs), ratio('rss', ours, theirs)]
    console.log(`| **ratio, ${protocol}** | ${ratios.join(' | ')} |`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function compare(protocol: string, certificate: string[], ca: string): Promise<Row[]> {
  const sink = spawn(process.execPath, ['--import', 'tsx', program('sink'), ...certificate], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [port] = await once(sink.stdout, 'data')
  const endpoint = `${protocol}://127.0.0.1:${String(port).trim()}`
  const measured: Measured[][] = NAMES.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, name] of NAMES.entries()) measured[i]?.push(await run(name, endpoint, ca))
  }
  sink.stdin.end()
  return measured.map((runs) => ({
    seconds: median(runs.map((one) => one.seconds)),
    cpuSeconds: median(runs.map((one) => one.cpuSeconds)),
    rss: median(runs.map((one) => one.rss)),
  }))
}

async function run(name: string, endpoint: string, ca: string): Promise<Measured> {
  const args = ['--import', 'tsx', program('contender'), name, endpoint, String(MIB)]
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: ca, NODE_NO_WARNINGS: '1' }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  return JSON.parse(stdout)
}

function program(name: string): string {
  return join(import.meta.dirname, `${name}.ts`)
}

function line(name: string, { seconds, cpuSeconds, rss }: Row): string {
  const figures = [(MIB / seconds).toFixed(0), ((cpuSeconds * 1024) / MIB).toFixed(2), (rss / 1024 / 1024).toFixed(0)]
  return `| ${name} | ${figures.join(' | ')} |`
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

function version(name: string): string {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`)
  return JSON.parse(readFileSync(file, 'utf8')).version
}
