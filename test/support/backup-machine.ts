import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { bytes, MiB } from './bytes.js'
import { BUILT } from './cli.js'
import { blocks } from './pages.js'
import type { ProgramResult } from './run-program.js'
import { endpoint, makeBucket, minio, unfinishedUploads } from './store.js'

const shown = blocks.filter(({ page }) => page === 'lib/cli/recipes.md')
/** The code of all blocks of the page in a language. */
export const codes = (language: string): string[] =>
  shown.filter((block) => block.language === language).map(({ code }) => code)
/** A part of 8 MiB, and more: what each producer writes before it fails. */
export const DATA = bytes(20 * MiB)
/** The exit codes with which the producers fail, as the page says. */
export const FAILURES: Record<string, number> = { pg_dump: 1, mysqldump: 2, tar: 2, zfs: 1, docker: 1 }

/** A machine with the producers of the page, a bucket instead of `backups`, and its own folders instead of /srv, /etc … */
export interface Machine {
  Bucket: string
  folder: string
  PATH: string
  /** The text of a page, for this machine. */
  here: (text: string) => string
  /** Lets the producers do this from now on: write and exit with 0, write half and fail, or write and hang. */
  producersMay: (behaviour: 'succeed' | 'fail' | 'hang') => void
  /** The objects of the bucket with their ETags. */
  objects: () => Promise<string[]>
  /** What cron and systemd read: the block of the page, with the keys of the S3 under test. */
  variables: Record<string, string>
}

/** A `Machine` whose S3 is at this endpoint. */
export async function machine(t: Test, at = endpoint.href): Promise<Machine> {
  const Bucket = await makeBucket(t)
  const folder = t.testdir({
    bin: {},
    srv: { photos: { 'a.jpg': DATA }, 'disk.img': DATA },
    lock: {},
    log: {},
    etc: {},
  })
  const program = (name: string, code: string): void => {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${code}\n`)
    chmodSync(join(folder, 'bin', name), 0o755)
  }
  program('s3-writable', `exec '${process.execPath}' '${BUILT}' "$@"`)
  for (const [name, code] of Object.entries(FAILURES)) {
    const run = name === 'tar' ? `exec ${execFileSync('sh', ['-c', 'command -v tar'])}` : `cat '${folder}/srv/disk.img'`
    const half = `head -c 9000000 '${folder}/srv/disk.img'`
    program(
      name,
      `echo "$*" >> '${folder}/log/${name}'
[ -e '${folder}/fail' ] && { ${half}; echo '${name}: error' >&2; exit ${code}; }
[ -e '${folder}/hang' ] && { ${half}; exec sleep 600; }
${run.trim()}${name === 'tar' ? ' "$@"' : ''}`,
    )
  }
  program('journalctl', 'echo "journal $*"')
  program('mail', `{ echo "mail $*"; cat; } > '${folder}/log/mail'`)
  const here = (text: string): string =>
    text
      .replaceAll('s3://backups', `s3://${Bucket}`)
      .replaceAll('/etc/s3-writable.env', `${folder}/etc/s3-writable.env`)
      .replaceAll('/srv', `${folder}/srv`)
      .replaceAll('/run/lock', `${folder}/lock`)
      .replaceAll('/var/log', `${folder}/log`)
      .replaceAll('PATH=/usr/local/bin:', `PATH=${folder}/bin:`)
  const keys = codes('ini').find((code) => code.includes('AWS_REGION')) ?? ''
  const names = [...keys.matchAll(/^(\w+)=/gm)].map(([, name]) => name ?? '')
  const variables: Record<string, string> = {
    ...Object.fromEntries(names.map((name) => [name, process.env[name] ?? ''])),
    AWS_ENDPOINT_URL: at,
    NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS ?? '',
  }
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
  writeFileSync(join(folder, 'etc/s3-writable.env'), lines.join(''))
  return {
    Bucket,
    folder,
    PATH: `${folder}/bin:/usr/local/bin:/usr/bin:/bin`,
    here,
    variables,
    producersMay: (behaviour) => {
      for (const name of ['fail', 'hang']) {
        if (name === behaviour) writeFileSync(join(folder, name), '')
        else rmSync(join(folder, name), { force: true })
      }
    },
    objects: async () => {
      const found: string[] = []
      for await (const { name, etag } of minio.listObjectsV2(Bucket, '', true)) found.push(`${name} ${etag}`)
      return found
    },
  }
}

/** Runs the words without a terminal and with an empty input, as cron and systemd do. */
export async function run([program = '', ...args]: string[], env: NodeJS.ProcessEnv): Promise<ProgramResult> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  return { code, stdout, stderr }
}

/** Runs the words with producers that fail: the exit code is the producer's, and the bucket stays as it was. */
export async function failsWell(
  t: Test,
  { producersMay, objects, Bucket }: Machine,
  words: string[],
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const before = await objects()
  producersMay('fail')
  const result = await run(words, env)
  producersMay('succeed')
  const [, name = ''] = / -- (?:bash -o pipefail -c ')?(\w+)/.exec(words.join(' ')) ?? []
  t.equal(result.code, FAILURES[name], `the exit code is that of ${name}`)
  t.match(result.stderr, `${name}: error`)
  t.match(result.stderr, new RegExp(`(${name}|bash) exited with ${FAILURES[name]}\\. Nothing was published`))
  t.equal(result.stdout, '')
  t.same(await objects(), before, 'nothing is published')
  t.same(await unfinishedUploads(Bucket), [], 'no part is left')
}
