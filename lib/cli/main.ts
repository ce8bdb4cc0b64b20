#!/usr/bin/env node
import { CommanderError } from 'commander'
import { commandLine } from './arguments.js'
import { asFailure } from './failure.js'
import { CLOSED, outliveOutput, say, sayAll } from './output.js'
import { withoutNodeVersionWarning } from './warnings.js'

outliveOutput()
withoutNodeVersionWarning()
const argv = process.argv.slice(2)
const program = commandLine(argv)
for (const command of [program, ...program.commands]) command.exitOverride()
try {
  await program.parseAsync(argv, { from: 'user' })
} catch (error) {
  process.exitCode = report(error)
}

/** What comes after it is another command's. */
function before(words: string[], end: string): string[] {
  return words.includes(end) ? words.slice(0, words.indexOf(end)) : words
}

function report(error: unknown): number {
  // commander has said it: help and version are no errors, all else is bad usage.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const { code, message } = asFailure(error)
  if (code === CLOSED && message === '') return code
  say(`s3-writable: ${message}`)
  if (before(argv, '--').includes('--verbose')) sayAll(error)
  return code
}
