import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure, signalCode } from './failure.js'

/** Where the bytes come from, and whether all of them did. */
export interface Producer {
  output: Readable
  /** Rejects unless the producer ended well; only it can tell a crash from the end of the output. */
  succeeded: () => Promise<void>
  /** Ends it, where it can be ended, and waits until it has. */
  end: () => Promise<void>
  /** Ends it at once, where it can be ended. */
  kill: () => void
}

const nothing = async (): Promise<void> => {}

/** What comes by a pipe or from a file, there from `start` on: its end is all that can be known. */
export function standardInput(start?: number): Producer {
  const output = start === undefined ? process.stdin : createReadStream('', { fd: 0, start })
  return { output, succeeded: nothing, end: nothing, kill: nothing }
}

/** A producer that does not hear SIGTERM is killed after so many milliseconds. */
const GRACE = 5000

/** A command of our own, whose output is the object. */
export function run(command: string, args: string[]): Producer {
  const child = started(command, args)
  const ended = endOf(child, command)
  ended.catch(() => {})
  // One that may not be killed, sudo's say, says so by an event; its broken pipe is all that is left to end it.
  child.on('error', () => {})
  return {
    output: child.stdout,
    succeeded: () => ended,
    end: async () => {
      child.stdout.destroy()
      child.kill()
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACE)
      await Promise.race([ended.catch(() => {}), sleep(2 * GRACE, undefined, { ref: false })])
      clearTimeout(timer)
      child.unref()
    },
    kill: () => child.kill('SIGKILL'),
  }
}

function started(command: string, args: string[]): ChildProcessByStdio<null, Readable, null> {
  try {
    return spawn(command, args, { stdio: ['inherit', 'pipe', 'inherit'] })
  } catch (error) {
    throw notRun(command, error)
  }
}

function notRun(command: string, error: unknown): Failure {
  return new Failure(126, `${command} could not be run: ${(error as Error).message}. Nothing was published.`)
}

async function endOf(child: ChildProcess, command: string): Promise<void> {
  let code: number | null
  let signal: NodeJS.Signals | null
  try {
    ;[code, signal] = await once(child, 'exit')
  } catch (error) {
    const { code: why } = error as NodeJS.ErrnoException
    if (why === 'ENOENT') throw new Failure(127, `${command}: there is no such command. Nothing was published.`)
    throw notRun(command, error)
  }
  if (signal !== null)
    throw new Failure(signalCode(signal), `${command} was ended by ${signal}. Nothing was published.`)
  if (code !== 0) throw new Failure(code as number, `${command} exited with ${code}. Nothing was published.`)
}
