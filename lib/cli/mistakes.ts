import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { ownArguments } from './parse.js'
import { shellQuote } from './shell.js'

/** How other tools call an upload. */
const UPLOAD_VERBS = ['cp', 'copy', 'mv', 'pipe', 'put', 'rcat', 'sync', 'upload']
const HELP_OR_VERSION = ['-h', '--help', '-V', '--version']
const SEE_HELP = 'See s3-writable --help.'

/**
 * What is wrong with a command line that was written as for another tool, such as `cp FILE s3://bucket/key`, and what to
 * write instead. Undefined if nothing of the kind is wrong. commander would complain about the first word that it does
 * not expect, which is often not the cause.
 *
 * Of the words, only addresses, files and names of commands are repeated: another may be a secret, such as the producer's
 * -pPASSWORD if the -- is missing.
 */
export function findMistake(program: Command, argv: string[]): string | undefined {
  const words = ownArguments(argv)
  if (words.some((word) => HELP_OR_VERSION.includes(word))) return undefined
  const { operands, unknownOption } = findOperands(program, words)
  const [first, second] = operands
  if (first === undefined && unknownOption) return undefined
  if (first === undefined) {
    return `The address is missing: s3-writable s3://bucket/key < file, or s3-writable s3://bucket/key -- command. ${SEE_HELP}`
  }
  if (isCommand(program, first)) return undefined
  if (!isAddress(first)) return mistakeInFirst(operands)
  if (second === undefined) return undefined
  if (second === '-') return withoutDash(first)
  const upload = `s3-writable ${shellQuote(first)}`
  if (argv.length > words.length)
    return `Only the address may come before the --: ${upload} [options] -- command. ${SEE_HELP}`
  const file = existsSync(second) ? ` To upload a file: ${upload} < ${shellQuote(second)}.` : ''
  return `Put -- before the command: ${upload} -- ${shellQuote(second)} ….${file}`
}

/** `operands` begins with a word that is neither an address nor one of our commands. */
function mistakeInFirst(operands: string[]): string | undefined {
  const [first = '', ...rest] = operands
  const address = operands.find(isAddress)
  const upload = `s3-writable ${shellQuote(address ?? 's3://bucket/key')}`
  if (UPLOAD_VERBS.includes(first)) {
    const [source] = rest
    if (source !== undefined && source === address && rest.length > 1) {
      return `There is no command ${first}, and s3-writable does not download. To upload a file: ${upload} < file.`
    }
    const file = source === undefined || source === address || source === '-' ? undefined : source
    return file === undefined
      ? `There is no command ${first}. To upload standard input: ${upload}. To upload what a command prints: ${upload} -- command.`
      : `There is no command ${first}. To upload a file: ${upload} < ${shellQuote(file)}.`
  }
  if (first === '-') return withoutDash(address)
  if (/^[a-z]+$/.test(first) && !existsSync(first)) {
    return `There is no command ${first}. To upload: s3-writable s3://bucket/key < file. ${SEE_HELP}`
  }
  return address === undefined ? undefined : `To upload a file: ${upload} < ${shellQuote(first)}. ${SEE_HELP}`
}

function withoutDash(address = 's3://bucket/key'): string {
  return `Leave out the -: s3-writable ${shellQuote(address)} uploads standard input.`
}

function isAddress(word: string): boolean {
  return word.startsWith('s3://')
}

function isCommand(program: Command, word: string): boolean {
  return word === 'help' || program.commands.some((command) => command.name() === word)
}

interface Operands {
  /** The words that are neither an option nor the value of one. */
  operands: string[]
  /** Whether the operands end at an option that is not ours: it may belong to the producer. */
  unknownOption: boolean
}

function findOperands({ options }: Command, words: string[]): Operands {
  const operands: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string
    if (!word.startsWith('-') || word === '-') operands.push(word)
    else {
      const option = options.find(({ long, short }) => [long, short].includes(word.replace(/=.*/s, '')))
      if (option === undefined) return { operands, unknownOption: true }
      if (option.required && !word.includes('=')) index++
    }
  }
  return { operands, unknownOption: false }
}
