import { createRequire } from 'node:module'
import { Argument, Command, Option } from 'commander'
import type { Shell } from './completion/completion.js'
import { Failure } from './failure.js'
import { printMessage, printText } from './output.js'
import {
  type Address,
  ownArguments,
  parseAddress,
  parseAge,
  parseConcurrency,
  parseMetadata,
  parseObjectAddress,
  parseParam,
  parseRate,
  parseSize,
  parseTimeout,
  parseUrl,
  parseWholeNumber,
} from './parse.js'
import type { UploadCommandOptions } from './put-options.js'
import type { AbortOptions, ListOptions } from './unfinished-uploads.js'

const EXAMPLES = `Examples:
  s3-writable s3://videos/talk.webm -- ffmpeg -i talk.mov -f webm -
  s3-writable s3://backups/db.sql.gz -- bash -o pipefail -c 'pg_dump app | gzip'
  tar -c /srv | s3-writable s3://backups/srv.tar --storage-class GLACIER --expected-size 40GiB
  s3-writable --resume=auto --leave-parts s3://backups/disk.img < disk.img
  s3-writable ls s3://backups
  s3-writable abort s3://backups --older-than 7d

`
const NOTES = `
With --, s3-writable runs the command and publishes its output only if it exits
with 0. In a pipe, the output of a producer that crashes simply ends, as on success,
so half a dump would be published as if it were complete.

--leave-parts keeps the stored parts of an upload that fails. --resume continues
such an upload, or one that was left by a crash. Give it the same input again, from
the start: stored parts are compared with the input, and sent again where they
differ. With --trust-parts (on Linux, with a file as standard input), s3-writable
begins to read after the stored parts and compares nothing: if the file has changed
before that point, the object mixes old and new bytes. A resumed upload that fails
is removed unless --leave-parts is given again. --resume fails if there is nothing to
resume; --resume=auto then begins a new upload, so that one line can run every night.

Region, credentials and endpoint come from the environment and ~/.aws, as for the
AWS CLI.

Exit codes:
  0    the object was published
  1    the upload failed
  2    wrong usage
  n    with --: the command exited with n; 128 + n if signal n ended it, 127 if it
       was not found, 126 if it could not be run
  130  ended by SIGINT; 143 by SIGTERM, 129 by SIGHUP
  141  standard output was closed before everything was printed
  74   standard output could not be written
If an upload ends with 141 or 74, the object was published.
`

const THREADS_HELP =
  'threads that send the parts, besides the one that reads; 0: none (default: 1 on two cores or more, else 0)'

/**
 * The command line: its options, its help, and what each command runs. What needs the SDK is imported when it runs,
 * because the SDK takes nearly all the time that `--help` and a wrong option would take.
 */
export function makeProgram(argv: string[]): Command {
  const { version } = createRequire(import.meta.url)('../../package.json')
  const program = new Command('s3-writable')
    .usage('[options] <object> [-- command…]')
    .description('Uploads a stream of any length to S3: the complete object, or nothing.')
    .version(version)
    .configureOutput({ outputError: (text) => printMessage(toSafeUsageError(text)) })
    .enablePositionalOptions()
    .argument('<object>', 'the object to write: s3://bucket/key', parseObjectAddress)
    .argument('[command...]', 'after --: a command whose output is uploaded (default: upload standard input)')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', NOTES)
    .helpCommand('help [command]', 'display help for a command')
    .action(async (to: Address, command: string[], options: UploadCommandOptions) => {
      if (command.length === 0 && argv.includes('--')) throw new Failure(2, 'The command after -- is missing.')
      const { uploadObject } = await import('./put.js')
      await uploadObject(to, command, options)
    })
    .hook('preSubcommand', passOptionsOn)
  addUploadOptions(addCommonOptions(program))
  addCommonOptions(program.command('ls'))
    .description('list unfinished uploads: age, size, number of parts, address, owner, UploadId')
    .argument('<address>', 's3://bucket, or s3://bucket/prefix', parseAddress)
    .option('--json', 'print each upload as a line of JSON')
    .action(async (address: Address, options: ListOptions) => {
      const { ls } = await import('./unfinished-uploads.js')
      await ls(address, options)
    })
  addCommonOptions(program.command('abort'))
    .description('remove unfinished uploads and their stored parts')
    .argument('<address>', 's3://bucket, s3://bucket/prefix, or s3://bucket/key with --upload-id', parseAddress)
    .option(
      '--older-than <age>',
      'remove the uploads that are at least this old, such as 0s, 90m, 12h, 7d or 2w',
      parseAge,
    )
    .option('--upload-id <id>', 'remove only the upload with this UploadId')
    .option('--dry-run', 'list the uploads and remove nothing')
    .option('--yes', 'remove without asking for confirmation')
    .action(async (address: Address, options: AbortOptions) => {
      const { abort } = await import('./unfinished-uploads.js')
      await abort(address, options)
    })
  program
    .command('completion')
    .description('print a script with which a shell completes the words of this command')
    .addArgument(new Argument('<shell>').choices(['bash', 'fish', 'zsh'] satisfies Shell[]))
    .action(async (shell: Shell) => {
      const { completionScript } = await import('./completion/completion.js')
      await printText(completionScript(program, shell))
    })
  program.command('man-page', { hidden: true }).action(async () => {
    const { manPage } = await import('./man-page.js')
    await printText(manPage(program, { examples: EXAMPLES, notes: NOTES }))
  })
  return program
}

/** Gives the options that were written before the name of a command to that command, as in `--region x ls s3://b`. */
function passOptionsOn(program: Command, command: Command): void {
  for (const option of program.options) {
    const name = option.attributeName()
    if (program.getOptionValueSource(name) !== 'cli') continue
    if (!command.options.some((own) => own.attributeName() === name)) {
      throw new Failure(2, `${command.name()} has no option ${option.long}. See s3-writable ${command.name()} --help.`)
    }
    command.setOptionValueWithSource(name, program.getOptionValue(name), 'cli')
  }
}

/**
 * The arguments for commander. It has options whose value may be left out, but in `--resume s3://bucket/key` it would take
 * the address for the value. So `--resume=auto` is a hidden option of its own.
 */
export function toParsable(argv: string[]): string[] {
  const end = ownArguments(argv).length
  return argv.map((word, index) => {
    if (index >= end) return word
    const isSplit = word === '--resume' && argv[index + 1] === 'auto'
    if (isSplit || (word.startsWith('--resume=') && word !== '--resume=auto')) {
      throw new Failure(2, 'Write --resume, or in one word --resume=auto: --resume takes no other value.')
    }
    return word === '--resume=auto' ? '--resume-auto' : word
  })
}

/**
 * Joins commander's message into one line, and removes the value of an unknown option. It may be a secret, such as the
 * producer's -pPASSWORD if the -- is missing.
 */
export function toSafeUsageError(text: string): string {
  return text
    .trimEnd()
    .replace(/^error: /, 's3-writable: ')
    .replace(/\n(\(Did you mean .*\))$/, ' $1')
    .replace(/^(s3-writable: unknown option '(?:--[^=']*|-[^-])).*'/s, "$1'")
}

function addCommonOptions(command: Command): Command {
  return command
    .option('--region <region>', 'region of the bucket (default: from the environment or ~/.aws)')
    .option(
      '--endpoint-url <url>',
      'URL of an S3-compatible server (default: from the environment, or Amazon S3)',
      parseUrl,
    )
    .option('--profile <name>', 'profile in ~/.aws to use (default: AWS_PROFILE, or "default")')
    .option(
      '--ca-bundle <file>',
      'PEM file of the certificates to trust (default: AWS_CA_BUNDLE, or ca_bundle in ~/.aws)',
    )
    .option('--no-verify-ssl', 'do not verify the certificate of the server')
    .option('--no-sign-request', 'send requests without credentials')
    .option('--path-style', 'put the bucket name into the path of the URL instead of the host name')
    .option('--verbose', 'after a failure, also print the details and causes of the error')
}

function addUploadOptions(command: Command): Command {
  return command
    .option('--part-size <size>', 'size of a part, 5MiB to 5GiB (default: 8MiB)', parseSize)
    .option('--concurrency <n>', 'number of parts to send at the same time (default: auto, 4 to 16)', parseConcurrency)
    .option('--max-memory <size>', 'memory for the parts, such as 256MiB; chooses the largest concurrency', parseSize)
    .option('--threads <n>', THREADS_HELP, parseWholeNumber)
    .option('--limit-rate <size>', 'bytes a second for the upload, such as 20MiB (default: no limit)', parseRate)
    .option('--expected-size <size>', 'approximate size of the input; raises the part size if necessary', parseSize)
    .option('--content-length <size>', 'exact size of the input; any other size fails the upload', parseSize)
    .option('--content-type <type>', 'media type (default: guessed from the extension of the key)')
    .option('--content-encoding <coding>', 'encoding of the content, such as gzip')
    .option('--content-disposition <text>', 'how a browser presents the object, such as attachment')
    .option('--content-language <language>', 'language of the content, such as en')
    .option('--cache-control <text>', 'how long the object may be cached, such as max-age=3600')
    .option('--metadata <name=value>', 'user-defined metadata in ASCII; can be repeated', parseMetadata)
    .option('--storage-class <class>', 'storage class, such as GLACIER (default: STANDARD)')
    .option('--acl <acl>', 'canned ACL, such as bucket-owner-full-control')
    .option('--sse <kind>', 'encryption on the server: AES256 or aws:kms')
    .option('--sse-kms-key-id <id>', 'KMS key to encrypt with')
    .option('--tagging <name=value&…>', 'tags of the object, URL-encoded')
    .option(
      '--checksum-type <type>',
      'FULL_OBJECT (one checksum of all bytes) or COMPOSITE (of the checksums of the parts)',
    )
    .option('--checksum-algorithm <name>', 'algorithm of the checksums, such as CRC32C or SHA256 (default: CRC32)')
    .option('--if-none-match <etag>', "with '*': publish only if the object does not exist")
    .option('--param <Name=value>', "any other S3 parameter, in S3's spelling; can be repeated", parseParam)
    .option('--resume', 'continue the unfinished upload of this object; --resume=auto: if there is one, else begin one')
    .addOption(new Option('--resume-auto').hideHelp())
    .option('--upload-id <id>', 'with --resume: UploadId of the upload to continue, if the object has several')
    .option('--trust-parts', 'with --resume: skip the input that is already stored, without comparing it')
    .option('--leave-parts', 'after a failure, keep the stored parts and print the command that resumes')
    .option('--json', 'print the result as JSON on standard output')
    .option('--quiet', 'print nothing but errors')
    .option('--no-progress', 'do not show the progress line')
    .option('--max-size <size>', 'fail, and publish nothing, if the input is larger', parseSize)
    .option('--equal-parts', 'give all parts but the last the same size, as Cloudflare R2 requires')
    .option('--max-parts <n>', 'number of parts that the server accepts, 1 to 10000 (default: 10000)', parseWholeNumber)
    .option(
      '--stall-timeout <time>',
      'send a request again that makes no progress for this time, such as 30s or 2m; 0: never (default: 2m; 5m for the last request)',
      parseTimeout,
    )
    .option('--unsigned-payload', 'do not hash the content for the signature (https: the default; http: hash it)')
    .option(
      '--dry-run',
      'check that the upload could be begun and removed, or resumed; neither read nor send the input',
    )
}
