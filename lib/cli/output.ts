import { inspect } from 'node:util'
import { escapeControls, toEscapedJson } from './escape.js'
import { Failure } from './failure.js'

/** The exit code that shells report for a program that SIGPIPE ended: 128 + 13. */
export const EXIT_OUTPUT_CLOSED = 141
/** EX_IOERR of sysexits.h. */
const EXIT_OUTPUT_ERROR = 74

/** Prints a line of text on standard output. Rejects with a Failure if it cannot be written, which ends the command. */
export async function print(line: string): Promise<void> {
  await writeLine(escapeControls(line))
}

/** Prints a value as one line of JSON on standard output. Rejects as `print` does. */
export async function printJson(value: unknown): Promise<void> {
  await writeLine(toEscapedJson(value))
}

/** Prints text of this program's own, of any number of lines, on standard output. Rejects as `print` does. */
export async function printText(text: string): Promise<void> {
  await writeLine(text.trimEnd())
}

async function writeLine(line: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(`${line}\n`, (error) => (error ? reject(error) : resolve()))
    })
  } catch (error) {
    const { message } = error as Error
    // A reader such as `head` closes the pipe on purpose, so there is no message.
    throw isClosedPipe(error)
      ? new Failure(EXIT_OUTPUT_CLOSED, '', error)
      : new Failure(EXIT_OUTPUT_ERROR, `Standard output could not be written: ${message}`, error)
  }
}

/** Prints a line on standard error. */
export function printMessage(line: string): void {
  process.stderr.write(`${escapeControls(line)}\n`)
}

/**
 * Prints an error's fields, causes and stack on standard error. Every line is indented, so that none can be mistaken
 * for a message of the command itself.
 */
export function printErrorDetails(error: unknown): void {
  for (const line of inspect(error).split('\n')) printMessage(`  ${line}`)
}

function isClosedPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EPIPE'
}

/**
 * Keeps the process alive when its output or its terminal is closed, because parts may still have to be removed. For
 * text that commander prints, such as `--help`, the error sets the exit code. That of a failure stays as it is.
 */
export function surviveOutputErrors(): void {
  process.stdout.on('error', (error) => {
    if (process.exitCode) return
    process.exitCode = isClosedPipe(error) ? EXIT_OUTPUT_CLOSED : EXIT_OUTPUT_ERROR
  })
  process.stderr.on('error', () => {})
}
