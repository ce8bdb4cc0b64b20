import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { Failure, signalExitCode } from './failure.js'
import { readInput } from './input.js'
import { openPipe, type Pipe } from './pipe.js'

/** The source of the uploaded bytes: standard input, or a child process. */
export interface Producer {
  output: Readable
  /** What the process writes on standard error, if this process passes it on. It must be read. */
  stderr?: Readable | undefined
  /** Rejects with a Failure unless the process exited with 0. Its output ends in the same way after a crash. */
  succeeded: () => Promise<void>
  /** Ends the process, and waits until it has exited. */
  terminate: () => Promise<void>
  /** Kills the process without waiting. */
  kill: () => void
}

const doNothing = async (): Promise<void> => {}

/**
 * Standard input as the producer. If the process that writes it crashes, it simply ends, as on success, so `succeeded`
 * always resolves.
 * @param start the offset at which to begin to read, if standard input is a file
 */
export function standardInput(destination: Writable, start?: number): Producer {
  const output = readInput(0, destination, start)
  return { output, succeeded: doNothing, terminate: doNothing, kill: doNothing }
}

/** How long a process may take to end after SIGTERM, in ms. Then it is killed. */
const GRACE = 5000

/**
 * A child process as the producer: its standard output is uploaded.
 * @param destination the stream to which the output is piped, as for `readInput`
 * @param stderr `inherit`: the process has this process's standard error. `pipe`: it is the producer's `stderr`.
 */
export function runCommand(
  command: string,
  args: string[],
  destination: Writable,
  stderr: 'inherit' | 'pipe',
): Producer {
  const outPipe = openPipe()
  const errorPipe = stderr === 'pipe' ? openPipe() : undefined
  let child: Child
  try {
    child = spawnCommand(command, args, outPipe?.writer ?? 'pipe', errorPipe?.writer ?? stderr)
  } finally {
    // The child has a copy of its own. Only when the last one is closed does the pipe end.
    for (const pipe of [outPipe, errorPipe]) if (pipe !== undefined) closeSync(pipe.writer)
  }
  const output = child.stdout ?? readInput((outPipe as Pipe).reader, destination)
  const exited = waitForExit(child, command)
  exited.catch(() => {})
  // A process that this one may not signal, such as sudo, makes `kill` emit an error. Its closed pipe still ends it.
  child.on('error', () => {})
  return {
    output,
    stderr:
      errorPipe === undefined ? (child.stderr ?? undefined) : new Socket({ fd: errorPipe.reader, writable: false }),
    succeeded: () => exited,
    terminate: async () => {
      output.destroy()
      child.kill()
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACE)
      await Promise.race([exited.catch(() => {}), sleep(2 * GRACE, undefined, { ref: false })])
      clearTimeout(timer)
      child.unref()
    },
    kill: () => child.kill('SIGKILL'),
  }
}

type Child = ChildProcessByStdio<null, Readable | null, Readable | null>

function spawnCommand(
  command: string,
  args: string[],
  stdout: 'pipe' | number,
  stderr: 'inherit' | 'pipe' | number,
): Child {
  try {
    return spawn(command, args, { stdio: ['inherit', stdout, stderr] }) as Child
  } catch (error) {
    throw notExecutable(command, error)
  }
}

function notExecutable(command: string, error: unknown): Failure {
  return new Failure(126, `${command} could not be run: ${(error as Error).message}. Nothing was published.`)
}

async function waitForExit(child: ChildProcess, command: string): Promise<void> {
  let exitCode: number | null
  let signal: NodeJS.Signals | null
  try {
    ;[exitCode, signal] = await once(child, 'exit')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new Failure(127, `${command}: command not found. Nothing was published.`)
    throw notExecutable(command, error)
  }
  if (signal !== null) {
    throw new Failure(signalExitCode(signal), `${command} was ended by ${signal}. Nothing was published.`)
  }
  if (exitCode !== 0) {
    throw new Failure(exitCode as number, `${command} exited with ${exitCode}. Nothing was published.`)
  }
}

/** How long to wait for the end of a process's standard error after the process has ended, in ms. */
const STDERR_GRACE = 1000

/**
 * Waits until everything that a process wrote on standard error before it ended has been read, and closes it. A process
 * that it has left behind may keep it open.
 */
export async function readToEnd(stderr: Readable): Promise<void> {
  // If this process was too busy to read, the timer ends first. All that has been written is read in the next turn.
  const grace = sleep(STDERR_GRACE, undefined, { ref: false }).then(() => nextTurn())
  await Promise.race([finished(stderr).catch(() => {}), grace])
  stderr.destroy()
}
