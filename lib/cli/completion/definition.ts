import type {
  ChecksumAlgorithm,
  ChecksumType,
  ObjectCannedACL,
  ServerSideEncryption,
  StorageClass,
} from '@aws-sdk/client-s3'
import type { Command } from 'commander'

/** An option, as the completions of all shells need it. */
export interface CompletedOption {
  /** `--storage-class`. */
  long: string
  description: string
  /** What follows the option: nothing, a file, one of these words, or a value that cannot be completed. */
  value: 'none' | 'file' | 'other' | readonly string[]
}

/** A command of the program, or the upload, which is called `upload` here and has no name on the command line. */
export interface CompletedCommand {
  name: string
  description: string
  options: CompletedOption[]
  /** The words that can follow; empty for addresses. */
  operands: readonly string[]
}

/** Values of options, such as those that S3 has for one today. Other values are accepted too. */
const VALUES: Record<string, readonly string[]> = {
  '--concurrency': ['auto'],
  '--storage-class': [
    'STANDARD',
    'STANDARD_IA',
    'ONEZONE_IA',
    'INTELLIGENT_TIERING',
    'GLACIER_IR',
    'GLACIER',
    'DEEP_ARCHIVE',
    'REDUCED_REDUNDANCY',
  ] satisfies StorageClass[],
  '--acl': [
    'private',
    'public-read',
    'public-read-write',
    'authenticated-read',
    'aws-exec-read',
    'bucket-owner-read',
    'bucket-owner-full-control',
  ] satisfies ObjectCannedACL[],
  '--sse': ['AES256', 'aws:kms', 'aws:kms:dsse'] satisfies ServerSideEncryption[],
  '--checksum-type': ['FULL_OBJECT', 'COMPOSITE'] satisfies ChecksumType[],
  '--checksum-algorithm': ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] satisfies ChecksumAlgorithm[],
}

/** The upload first, then the commands, in the order and with the words of `--help`. */
export function completedCommands(program: Command): CompletedCommand[] {
  const help = program.createHelp()
  const commands = help.visibleCommands(program)
  return [program, ...commands].map((command) => ({
    name: command === program ? 'upload' : command.name(),
    description: help.subcommandDescription(command),
    options: help.visibleOptions(command).map(({ long, required, flags, description }) => ({
      long: long as string,
      description,
      value: required ? (VALUES[long as string] ?? (flags.endsWith('<file>') ? 'file' : 'other')) : 'none',
    })),
    operands: operandsOf(command, commands),
  }))
}

/** The choices of the first argument; for `help`, the other commands. */
function operandsOf(command: Command, commands: Command[]): readonly string[] {
  if (command.name() === 'help') return commands.map((other) => other.name())
  return command.registeredArguments[0]?.argChoices ?? []
}
