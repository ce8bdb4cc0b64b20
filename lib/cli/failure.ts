import { constants } from 'node:os'
import { adviceFor, type Cause } from './advice.js'

/** What `--json` prints of a failure, beside what its cause knows. */
export interface FailureFacts {
  /** What went wrong, if the cause has no `code`, or is not the reason. */
  code?: string
  Bucket?: string
  Key?: string
  /** What failed, if it is not the message of the cause: the failure's message begins with it, and advice follows. */
  what?: string
  /** The failure's message for a log, if the one for the user has arguments of the producer, which may be secret. */
  line?: string
}

/** An error that ends the process: its exit code, and a one-line message for the user. */
export class Failure extends Error {
  readonly exitCode: number
  facts: FailureFacts = {}
  constructor(code: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.exitCode = code
  }
}

/** Codes of the errors with which the library rejects a wrong option, before it sends a request. */
const WRONG_OPTION = ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']

/** Turns any thrown value into a Failure: exit code 2 for a wrong option, 1 for everything else. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error
  const { code } = Object(error) as { code?: unknown }
  return new Failure(WRONG_OPTION.includes(code as string) ? 2 : 1, explain(error), error)
}

/** The exit code that shells report for a process ended by a signal: 128 + the signal's number. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/** One line: what failed, and what to do about it if that is known. */
export function explain(error: unknown): string {
  const chain = causeChain(error)
  if (chain.length === 0) return String(error)
  const { message } = chain[0] as Cause
  if (/Region is missing/.test(message)) return 'The region is missing: pass --region, or set AWS_REGION.'
  return [message, ...adviceFor(chain)].reduce(addSentence)
}

/** Appends a sentence, which may be empty. The messages of the library have no full stop at their end. */
export function addSentence(message: string, sentence: string): string {
  if (sentence === '') return message
  return `${message}${/[.!?]$/.test(message) ? '' : '.'} ${sentence}`
}

/**
 * The error and its causes, outermost first. They are recognized by their `message`, because `instanceof Error` is
 * false for an error from another realm.
 */
function causeChain(error: unknown, outer: Cause[] = []): Cause[] {
  const { message, cause } = Object(error) as { message?: unknown; cause?: unknown }
  // An error may be its own cause.
  if (typeof message !== 'string' || outer.includes(error as Cause)) return outer
  return causeChain(cause, [...outer, error as Cause])
}
