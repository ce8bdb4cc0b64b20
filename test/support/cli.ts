import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { ProgramResult } from './run-program.js'
import { endpoint } from './store.js'

/** The compiled command, as the package installs it. */
export const BUILT = join(import.meta.dirname, '../../dist/cli/main.js')

/** The words that start the command. tap counts the coverage of the built files for the sources that they are made of. */
export const CLI = [process.execPath, BUILT]

/** The exit code, signal and output of a command that has ended. */
export interface Running extends ProgramResult {
  signal: NodeJS.Signals | null
}
export interface Started {
  child: ChildProcess
  ended: Promise<Running>
}
interface CliOptions {
  env?: NodeJS.ProcessEnv
  input?: Uint8Array | string
  /** A file to use as standard input, instead of `input`. */
  file?: string
  /** The endpoint of the S3 server. */
  at?: string
}

/** Starts the command. Its environment is that of the tests, changed by `env`. */
export function startCli(args: string[], { env, input = '', file, at = endpoint.href }: CliOptions = {}): Started {
  const [node = '', ...main] = CLI
  const child = spawn(node, [...main, ...args], {
    env: { ...process.env, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: at, ...env },
    stdio: [file === undefined ? 'pipe' : openSync(file, 'r'), 'pipe', 'pipe'],
  })
  child.stdin?.on('error', () => {}).end(input)
  const outputs = [child.stdout, child.stderr].map((stream) => text(stream as Readable)) as [
    Promise<string>,
    Promise<string>,
  ]
  const ended = Promise.all([once(child, 'exit'), ...outputs]).then(([[code, signal], stdout, stderr]) => ({
    code,
    signal,
    stdout,
    stderr,
  }))
  return { child, ended }
}

/** Runs the command to its end. */
export async function cli(args: string[], options: CliOptions = {}): Promise<Running> {
  return await startCli(args, options).ended
}
