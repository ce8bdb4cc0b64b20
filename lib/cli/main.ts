#!/usr/bin/env node
import { CommanderError } from 'commander'
import { makeProgram, toParsable, toSafeUsageError } from './arguments.js'
import { printErrorJson } from './error-json.js'
import { Failure, toFailure } from './failure.js'
import { findMistake } from './mistakes.js'
import { EXIT_OUTPUT_CLOSED, printErrorDetails, printMessage, surviveOutputErrors } from './output.js'
import { ownArguments } from './parse.js'
import { withoutNodeVersionWarning } from './warnings.js'

surviveOutputErrors()
withoutNodeVersionWarning()
const argv = process.argv.slice(2)
const program = makeProgram(argv)
for (const command of [program, ...program.commands]) command.exitOverride()
try {
  const parsable = toParsable(argv)
  const mistake = findMistake(program, argv)
  if (mistake !== undefined) throw new Failure(2, mistake)
  await program.parseAsync(parsable, { from: 'user' })
} catch (error) {
  process.exitCode = reportError(error)
  if (process.exitCode !== 0 && ownArguments(argv).includes('--json')) await printErrorJson(toReported(error))
}

/** The error as it was reported on standard error. */
function toReported(error: unknown): Failure {
  if (!(error instanceof CommanderError)) return toFailure(error)
  return new Failure(2, toSafeUsageError(error.message).replace(/^s3-writable: /, ''))
}

/** Prints the error and returns the exit code. */
function reportError(error: unknown): number {
  // commander has already printed its message. It also throws after --help and --version, with exit code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const { exitCode, message } = toFailure(error)
  if (exitCode === EXIT_OUTPUT_CLOSED && message === '') return exitCode
  printMessage(`s3-writable: ${message}`)
  if (ownArguments(argv).includes('--verbose')) printErrorDetails(error)
  return exitCode
}
