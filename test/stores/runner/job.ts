import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Certificate } from '../../support/certificate.js'
import type { Outcome } from '../checks/outcome.js'
import type { Store } from './store.js'

/** What `run-store.ts` runs. */
export interface Job {
  store: string
  /** The folder into which the store was installed. */
  installed: string
  /** The file for the output of the store. */
  log: string
  certificate: Certificate
  /** The words that run the checks in their runtime. */
  command: string[]
  /** The folder to run them in. */
  folder: string
  /** Only the checks whose names contain this text. */
  only?: string
}

/** What `run-store.ts` prints if the store or the checks do not start. */
export interface Failure {
  failure: string
}

const RUN_STORE = join(import.meta.dirname, 'run-store.ts')
const ROOT = join(import.meta.dirname, '../../..')

/** Runs the job in a process of its own. Resolves with the outcomes of the checks, which may not be complete. */
export async function runJob(store: Store, job: Job, onOutcome: (outcome: Outcome) => unknown): Promise<Outcome[]> {
  const program = [process.execPath, '--import', 'tsx', RUN_STORE, JSON.stringify(job)]
  const [command = '', ...args] = store.ownNetwork === true ? inOwnNetwork(program) : program
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      NODE_NO_WARNINGS: '1',
      NODE_EXTRA_CA_CERTS: job.certificate.cert,
      TEST_CERTIFICATE: job.certificate.folder,
    },
  })
  const ended = new Promise<void>((resolve, reject) => child.on('error', reject).on('close', () => resolve()))
  const outcomes: Outcome[] = []
  for await (const line of createInterface({ input: child.stdout as Readable })) {
    const outcome = JSON.parse(line) as Outcome | Failure
    if ('failure' in outcome) throw new Error(outcome.failure)
    outcomes.push(outcome)
    onOutcome(outcome)
  }
  await ended
  return outcomes
}

/** A command that runs the program in a network which has nothing but its own loopback. */
function inOwnNetwork(program: string[]): string[] {
  if (process.platform !== 'linux') throw new Error('it listens on every interface, so it is run on Linux only')
  const root = process.getuid?.() === 0 ? [] : ['--map-root-user']
  return ['unshare', '--net', ...root, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...program]
}
