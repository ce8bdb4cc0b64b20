import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Certificate } from '../test/support/certificate.js'
import type { Case, ContenderName } from './cases.js'
import { CLIENT, OTHERS } from './cores.js'
import { FAR, THERE } from './link.js'
import type { Measured } from './measure.js'

/** The median, the extremes, and the value of each round. */
export interface Spread {
  median: number
  min: number
  max: number
  rounds: number[]
}
export type Figures = Record<keyof Measured, Spread>
export type Outcome = Partial<Record<ContenderName, Figures>>

export interface Where {
  endpoint: string
  env: NodeJS.ProcessEnv
}

/** Runs every contender of a case in turn, round after round, each time in a fresh process. */
export async function compare(
  it: Case,
  where: Where,
  { rounds, MiB }: { rounds: number; MiB: number },
  contenders: ContenderName[] = it.contenders,
): Promise<Outcome> {
  const measured = new Map<ContenderName, Measured[]>(contenders.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const name of contenders) measured.get(name)?.push(await run(name, it, where, MiB))
  }
  const outcome: Outcome = {}
  for (const [name, runs] of measured) {
    // Two parts are enough to count copies over a slow link.
    const counted = await run(name, it, where, Math.min(MiB, it.link === undefined ? 64 : 16), 'copies')
    const [first] = runs as [Measured]
    const keys = Object.keys(first) as (keyof Measured)[]
    const figures = keys.map((key) => [key, spread(key === 'copies' ? [counted.copies] : runs.map((one) => one[key]))])
    outcome[name] = Object.fromEntries(figures) as Figures
  }
  return outcome
}

/** Runs `use` beside the sink, which speaks https if there is a certificate, on this side or the far side of the link. */
export async function withSink<T>(
  certificate: Certificate | undefined,
  use: (where: Where) => Promise<T>,
  far = false,
): Promise<T> {
  const files = certificate === undefined ? [] : [certificate.cert, certificate.key]
  const [command = '', ...args] = [...OTHERS, ...(far ? THERE : []), process.execPath, program('sink'), ...files]
  const host = far ? FAR : '127.0.0.1'
  const sink = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, SINK_HOST: host },
  })
  try {
    const [port] = await once(sink.stdout, 'data')
    const protocol = certificate === undefined ? 'http' : 'https'
    const env = certificate === undefined ? {} : { NODE_EXTRA_CA_CERTS: certificate.cert }
    return await use({ endpoint: `${protocol}://${host}:${String(port).trim()}`, env })
  } finally {
    sink.stdin.end()
  }
}

async function run(
  name: string,
  it: Case,
  { endpoint, env }: Where,
  MiB: number,
  ...more: string[]
): Promise<Measured> {
  const [command = '', ...args] = [
    ...CLIENT,
    process.execPath,
    program('contender'),
    name,
    JSON.stringify(it),
    endpoint,
    String(MiB),
    ...more,
  ]
  const { stdout } = await promisify(execFile)(command, args, {
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
  })
  return JSON.parse(stdout)
}

function program(name: string): string {
  return join(import.meta.dirname, `${name}.js`)
}

export function spread(rounds: number[]): Spread {
  return { median: median(rounds), min: Math.min(...rounds), max: Math.max(...rounds), rounds }
}

/**
 * The median of the rounds' ratios of our figure to the other's. Each round has its own ratio, because a shared machine may
 * be half as fast a minute later.
 */
export function ratio(ours: Spread, other: Spread): number {
  return median(ours.rounds.map((one, round) => one / (other.rounds[round] as number)))
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}
