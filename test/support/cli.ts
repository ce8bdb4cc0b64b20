import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Ran } from './run-program.js'
import { endpoint } from './store.js'

/** As it is installed. */
export const BUILT = join(import.meta.dirname, '../../dist/cli/main.js')
const MAIN = join(import.meta.dirname, '../../lib/cli/main.ts')

/**
 * What runs it. Where coverage is counted, by this process's own loaders, or it would be another file's; they take four times
 * as long to start.
 */
export const CLI =
  process.env.TAP_DISABLE_COVERAGE === '1' ? [process.execPath, BUILT] : [process.execPath, ...process.execArgv, MAIN]

/** The command, as a process of its own that counts for the coverage. */
export interface Running extends Ran {
  signal: NodeJS.Signals | null
}
export interface Started {
  child: ChildProcess
  ended: Promise<Running>
}
interface How {
  env?: NodeJS.ProcessEnv
  input?: Uint8Array | string
  /** A file to read, in the place of `input`. */
  file?: string
  /** The S3 to talk to. */
  at?: string
}

export function startCli(args: string[], { env, input = '', file, at = endpoint.href }: How = {}): Started {
  const [node = '', ...main] = CLI
  const child = spawn(node, [...main, ...args], {
    env: { ...process.env, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: at, ...env },
    stdio: [file === undefined ? 'pipe' : openSync(file, 'r'), 'pipe', 'pipe'],
  })
  child.stdin?.on('error', () => {}).end(input)
  const said = [child.stdout, child.stderr].map((stream) => text(stream as Readable)) as [
    Promise<string>,
    Promise<string>,
  ]
  const ended = Promise.all([once(child, 'exit'), ...said]).then(([[code, signal], stdout, stderr]) => ({
    code,
    signal,
    stdout,
    stderr,
  }))
  return { child, ended }
}

export async function cli(args: string[], how: How = {}): Promise<Running> {
  return await startCli(args, how).ended
}
