import { createRequire } from 'node:module'
import { Command } from 'commander'
import { Failure } from './failure.js'
import { say } from './output.js'
import { type Address, address, age, metadata, objectAddress, param, size, url, whole } from './parse.js'
import { type PutOptions, put } from './put.js'
import { quoted } from './shell.js'
import { type AbortOptions, abort, type ListOptions, ls } from './unfinished-uploads.js'

const EXAMPLES = `Examples:
  s3-writable s3://videos/talk.webm -- ffmpeg -i talk.mov -f webm -
  s3-writable s3://backups/db.sql.gz -- bash -o pipefail -c 'pg_dump app | gzip'
  tar -c /srv | s3-writable s3://backups/srv.tar --storage-class GLACIER --expected-size 40GiB
  s3-writable --resume --leave-parts s3://backups/disk.img < disk.img
  s3-writable ls s3://backups
  s3-writable abort s3://backups --older-than 7d

`
const NOTES = `
With --, the command is run here, and the object is published only if it exits
with 0. In a pipe, nobody can tell the end of a producer's output from its crash:
half of a dump would be published as if it were whole.

--leave-parts keeps what is stored when an upload fails, and --resume goes on with
it, as it does after a crash. The input must be the same again, from its start:
what S3 holds is compared and not sent, and what differs is sent again. With
--trust-parts a file on standard input is read from behind the stored parts on
(on Linux): where it has changed before that, the object is part old, part new.
A resumed upload that fails is removed, unless --leave-parts is given again.

Region, credentials and endpoint come from the environment and ~/.aws, as for the
AWS CLI.

Exit codes: 0 published; 1 the upload failed; 2 bad usage; with --, what the
command exited with, 128 + n where signal n ended it, 127 where there is no such
command, 126 where it cannot be run; 130, 143, 129 after SIGINT, SIGTERM, SIGHUP;
141 where standard output was closed before all was printed, 74 where it cannot be
written: of an upload, the object is there then.
`

/** The command line: what can be asked for, and what is done then. */
export function commandLine(argv: string[]): Command {
  const { version } = createRequire(import.meta.url)('../../package.json')
  const program = new Command('s3-writable')
    .usage('[options] <object> [-- command…]')
    .description('Uploads a stream of any length to S3, all of it or nothing.')
    .version(version)
    .configureOutput({ outputError: (text) => say(usageError(text)) })
    .enablePositionalOptions()
    .argument('<object>', 's3://bucket/key', objectAddress)
    .argument('[command...]', 'after --: the command whose output is uploaded; else standard input is')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', NOTES)
    .action((to: Address, command: string[], options: PutOptions) => {
      if (command.length === 0 && argv.includes('--')) throw new Failure(2, 'There is no command after --.')
      if (command.length > 0 && !argv.includes('--')) {
        throw new Failure(2, `There must be -- before the command: s3-writable … -- ${quoted(command[0] as string)} …`)
      }
      return put(to, command, options)
    })
    .hook('preSubcommand', (_, command) => {
      const name = command.name()
      if (argv[0] !== name) throw new Failure(2, `Options go after ${name}: s3-writable ${name} …`)
    })
  uploadOptions(commonOptions(program))
  commonOptions(program.command('ls'))
    .description('list the unfinished uploads: address, UploadId, age, parts, bytes, owner')
    .argument('<address>', 's3://bucket, or s3://bucket/prefix', address)
    .option('--json', 'one JSON object a line')
    .action((at: Address, options: ListOptions) => ls(at, options))
  commonOptions(program.command('abort'))
    .description('remove unfinished uploads, with all that is stored of them')
    .argument('<address>', 's3://bucket, s3://bucket/prefix, or s3://bucket/key with --upload-id', address)
    .option('--older-than <age>', 'those that were begun so long ago: 0s, 90m, 12h, 7d', age)
    .option('--upload-id <id>', 'only this one')
    .option('--dry-run', 'show them, and remove nothing')
    .option('--yes', 'do not ask')
    .action((at: Address, options: AbortOptions) => abort(at, options))
  return program
}

/**
 * commander's message on one line, and without the value of an option that it does not know: that may be a secret, as in
 * a producer's -pPASSWORD where the -- was left out.
 */
function usageError(text: string): string {
  return text
    .trimEnd()
    .replace(/\n(\(Did you mean .*\))$/, ' $1')
    .replace(/^(error: unknown option '(?:--[^=']*|-[^-])).*'/s, "$1'")
}

function commonOptions(command: Command): Command {
  return command
    .option('--region <region>', 'the bucket’s region')
    .option('--endpoint-url <url>', 'an S3 other than Amazon’s', url)
    .option('--profile <name>', 'a profile of ~/.aws')
    .option('--no-sign-request', 'without credentials')
    .option('--path-style', 'the bucket in the path, not in the host name')
    .option('--verbose', 'where it fails, all that is known')
}

function uploadOptions(command: Command): Command {
  return command
    .option('--part-size <size>', 'bytes in a part, 5MiB to 5GiB (default: 8MiB)', size)
    .option('--concurrency <n>', 'parts on their way at once (default: 4)', whole)
    .option('--expected-size <size>', 'about how much will come', size)
    .option('--content-length <size>', 'exactly how much must come', size)
    .option('--content-type <type>', 'guessed from the key where it is left out')
    .option('--content-encoding <coding>', 'such as gzip')
    .option('--content-disposition <text>')
    .option('--content-language <language>')
    .option('--cache-control <text>')
    .option('--metadata <name=value>', 'may be given often; ASCII', metadata)
    .option('--storage-class <class>')
    .option('--acl <acl>')
    .option('--sse <kind>', 'AES256 or aws:kms')
    .option('--sse-kms-key-id <id>')
    .option('--tagging <name=value&…>')
    .option('--checksum-type <type>', 'FULL_OBJECT or COMPOSITE')
    .option('--checksum-algorithm <name>')
    .option('--if-none-match <etag>', "'*': only where there is no such object")
    .option('--param <Name=value>', 'any other parameter of S3’s, in its spelling; may be given often', param)
    .option('--resume', 'go on with the unfinished upload of this object')
    .option('--upload-id <id>', 'with --resume: with this one, where there are several')
    .option('--trust-parts', 'with --resume: do not read what is stored, and take it as it is')
    .option('--leave-parts', 'where it fails, keep what is stored, and say how to resume')
    .option('--json', 'print what S3 answered as JSON on standard output')
    .option('--quiet', 'say nothing but errors')
    .option('--no-progress', 'no progress line')
}
