import { inspect } from 'node:util'
import { shown, shownJson } from './escape.js'
import { Failure } from './failure.js'

/** As a shell says it of a program that SIGPIPE ended. */
export const CLOSED = 141
/** EX_IOERR of sysexits.h. */
const NOT_WRITTEN = 74

/** A line for people on standard output. Rejects with a Failure where that takes no more, so that no more is done for it. */
export async function print(line: string): Promise<void> {
  await written(shown(line))
}

/** A line for programs on standard output. Rejects as `print` does. */
export async function printJson(value: unknown): Promise<void> {
  await written(shownJson(value))
}

async function written(line: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(`${line}\n`, (error) => (error ? reject(error) : resolve()))
    })
  } catch (error) {
    const { message } = error as Error
    // Whoever reads has read enough: that needs no words.
    throw isClosed(error)
      ? new Failure(CLOSED, '', error)
      : new Failure(NOT_WRITTEN, `Standard output: ${message}`, error)
  }
}

/** A line for people on standard error. */
export function say(line: string): void {
  process.stderr.write(`${shown(line)}\n`)
}

/** All that is known of an error. It is indented, so that no line in it looks like one of the command's own. */
export function sayAll(error: unknown): void {
  for (const line of inspect(error).split('\n')) say(`  ${line}`)
}

function isClosed(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EPIPE'
}

/**
 * Output that is closed, or a terminal that is gone, must not end the process by an uncaught error: parts may have to be
 * removed. Of what is written by others, commander's help say, the exit code tells.
 */
export function outliveOutput(): void {
  process.stdout.on('error', (error) => {
    process.exitCode = isClosed(error) ? CLOSED : NOT_WRITTEN
  })
  process.stderr.on('error', () => {})
}
