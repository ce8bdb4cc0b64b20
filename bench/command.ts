/**
 * Measures the command against those of other tools, each as the end of a pipe and with its own defaults: `aws s3 cp -`,
 * `s5cmd pipe` and `rclone rcat`, where they are installed. Usage: npm run bench -- --command
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { KiB, MiB } from '../test/support/bytes.js'
import { CLIENT } from './cores.js'
import { ratio, type Spread, spread } from './runner.js'

const OBJECT = 'bench/object'
const MAIN = join(import.meta.dirname, '../../../dist/cli/main.js')

/** The words of each command. All take the credentials and the region from the environment. */
function commands(endpoint: string): Record<string, string[]> {
  return {
    's3-writable': [process.execPath, MAIN, `s3://${OBJECT}`, '--path-style', '--endpoint-url', endpoint],
    'aws s3 cp -': ['aws', 's3', 'cp', '-', `s3://${OBJECT}`, '--endpoint-url', endpoint],
    's5cmd pipe': ['s5cmd', '--endpoint-url', endpoint, 'pipe', `s3://${OBJECT}`],
    'rclone rcat': ['rclone', 'rcat', `:s3,provider=Minio,env_auth=true,endpoint='${endpoint}':${OBJECT}`],
  }
}

const certificate = process.env.NODE_EXTRA_CA_CERTS

interface Measured {
  /** Wall time, in seconds. */
  wall: number
  /** CPU time of the command and its threads, in seconds. */
  cpu: number
  /** The largest resident set, in MiB. */
  rss: number
}

/** Prints a table for 1 KiB and one for 1 GiB. The commands alternate, and a ratio is the median of the rounds' ratios. */
export async function benchCommands(endpoint: string, rounds: number): Promise<void> {
  const installed = Object.entries(commands(endpoint)).filter(([, [program = '']]) => isInstalled(program))
  for (const [title, size, count] of [
    ['1 KiB', KiB, Math.max(rounds, 7)],
    ['1 GiB', 1024 * MiB, rounds],
  ] as const) {
    const runs = new Map<string, Measured[]>(installed.map(([name]) => [name, []]))
    for (let round = 0; round < count; round++) {
      for (const [name, words] of installed) runs.get(name)?.push(await run(words, size))
    }
    console.log(table(title, runs))
  }
}

function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined
}

/** Runs a command in a pipe behind `head`. The shell measures it, since Node does not have a child's CPU time. */
async function run(words: string[], size: number): Promise<Measured> {
  const script = 'TIMEFORMAT="%R %U %S"; size=$1; shift; head -c "$size" /dev/zero | { time "$@" >&2; } 2>&1'
  const child = spawn('bash', ['-c', script, 'bash', String(size), ...CLIENT, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Where each of the tools finds the certificate of the store.
    env: { ...process.env, AWS_CA_BUNDLE: certificate, SSL_CERT_FILE: certificate },
  })
  const output = text(child.stdout)
  const program = words[0] as string
  let rss = 0
  const timer = setInterval(() => {
    rss = Math.max(rss, ...descendants(child.pid as number).map((pid) => residentSet(pid, program)))
  }, 5)
  const [code] = await once(child, 'exit')
  clearInterval(timer)
  const printed = await output
  const [, wall, user, system] = /([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(printed) ?? []
  if (code !== 0 || wall === undefined) throw new Error(`${program} failed: ${printed}`)
  return { wall: Number(wall), cpu: Number(user) + Number(system), rss }
}

function descendants(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
  return [...children, ...children.flatMap(descendants)]
}

/** In MiB; 0 for another program than the one that is measured, such as the shell or `head`. */
function residentSet(pid: number, program: string): number {
  if (!read(`/proc/${pid}/cmdline`).includes(program.replace(/.*\//, ''))) return 0
  return Number(/^VmHWM:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024
}

/** Empty if the process has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function table(title: string, runs: Map<string, Measured[]>): string {
  const spreadOf = (name: string, key: keyof Measured): Spread => spread((runs.get(name) ?? []).map((one) => one[key]))
  const rows = [...runs.keys()].map((name) => {
    const [wall, cpu, rss] = (['wall', 'cpu', 'rss'] as const).map((key) => spreadOf(name, key)) as [
      Spread,
      Spread,
      Spread,
    ]
    const times = ratio(spreadOf('s3-writable', 'wall'), wall).toFixed(2)
    return `| ${name} | ${wall.median.toFixed(2)} (${wall.min}–${wall.max}) | ${cpu.median.toFixed(2)} | ${rss.median.toFixed(0)} | ${times} × |`
  })
  const head = [
    '| command | wall time, s | CPU, s | memory, MiB | our wall time is |',
    '| --- | --- | --- | --- | --- |',
  ]
  return [`### ${title} through a pipe`, '', ...head, ...rows, ''].join('\n')
}
