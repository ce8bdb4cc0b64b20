import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { P } from '../../support/bytes.js'
import { equal, ok } from './assert.js'
import type { Checks } from './check.js'
import { commandWords, REGION, setting } from './setting.js'
import {
  Bucket,
  beginUpload,
  data,
  holds,
  nothingIsLeft,
  nothingIsThere,
  partsOf,
  unfinishedUploads,
} from './target.js'

/**
 * Runs the command with the arguments and this standard input, which ends after `until`. Its output is limited, because
 * a listing may not end.
 */
async function run(args: string[], input: Buffer = Buffer.alloc(0), until: () => Promise<unknown> = async () => {}) {
  const [command = '', ...words] = commandWords()
  const { requestChecksumCalculation, responseChecksumValidation } = setting.client
  const child = spawn(command, [...words, ...args], {
    env: {
      ...process.env,
      NODE_NO_WARNINGS: '1',
      AWS_ACCESS_KEY_ID: setting.accessKeyId,
      AWS_SECRET_ACCESS_KEY: setting.secretAccessKey,
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL: setting.endpoint,
      ...(requestChecksumCalculation && { AWS_REQUEST_CHECKSUM_CALCULATION: requestChecksumCalculation }),
      ...(responseChecksumValidation && { AWS_RESPONSE_CHECKSUM_VALIDATION: responseChecksumValidation }),
    },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  let size = 0
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > 200_000) child.kill('SIGKILL')
  })
  child.stdin.on('error', () => {}).write(input)
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null, string | null]>,
    text(child.stdout),
    text(child.stderr),
    until().finally(() => child.stdin.end()),
  ])
  return { code: code ?? signal, stdout, stderr: stderr.replaceAll(/\s+/g, ' ').slice(-300) }
}

/** Resolves when the unfinished upload of a key has a part, or after 20 s. */
async function untilPartIsStored(Key: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    for (const UploadId of await unfinishedUploads(Key)) if ((await partsOf(Key, UploadId)) > 0) return
    await sleep(100)
  }
}

const STYLE = ['--path-style']

export const command: Checks = {
  'the command uploads its standard input': async () => {
    const Key = 'command/put.bin'
    const { code, stderr } = await run(
      [`s3://${Bucket}/${Key}`, ...STYLE, '--part-size', '5MiB', '--quiet'],
      data(2 * P + 9),
    )
    equal(code, 0, `the exit code (${stderr})`)
    await holds(Key, data(2 * P + 9))
  },
  'the command uploads what another command prints': async () => {
    const Key = 'command/producer.bin'
    const made = await run([`s3://${Bucket}/${Key}`, ...STYLE, '--quiet', '--', 'head', '-c', '1000000', '/dev/zero'])
    equal(made.code, 0, `the exit code (${made.stderr})`)
    await holds(Key, Buffer.alloc(1_000_000))
    const producer = ['--', 'bash', '-c', 'head -c 12000000 /dev/zero; exit 3']
    const failed = await run([
      `s3://${Bucket}/command/failed.bin`,
      ...STYLE,
      '--part-size',
      '5MiB',
      '--quiet',
      ...producer,
    ])
    equal(failed.code, 3, `the exit code (${failed.stderr})`)
    await nothingIsThere('command/failed.bin')
  },
  'the command leaves parts, lists them and resumes': async () => {
    const url = `s3://${Bucket}/command/left.bin`
    const leave = ['--part-size', '5MiB', '--leave-parts', '--content-length', String(4 * P)]
    const left = await run([url, ...STYLE, ...leave], data(3 * P + 100), () => untilPartIsStored('command/left.bin'))
    equal(left.code, 1, `the exit code (${left.stderr})`)
    const list = await run(['ls', `s3://${Bucket}/command/left`, ...STYLE])
    equal(list.code, 0, `the exit code of ls (${list.stderr})`)
    ok(/ [1-9]\d* parts? .*left\.bin/.test(list.stdout), `ls prints "${list.stdout.slice(0, 100)}"`)
    const resumed = await run(['--resume', url, ...STYLE], data(4 * P))
    equal(resumed.code, 0, `the exit code of --resume (${resumed.stderr})`)
    await holds('command/left.bin', data(4 * P))
  },
  'the command aborts unfinished uploads': async () => {
    const Key = 'command/abort.bin'
    await beginUpload(Key)
    // Swift rounds the time of an upload up to a second, and an upload of the future is not old enough.
    await sleep(1500)
    const { code, stdout, stderr } = await run([
      'abort',
      `s3://${Bucket}/${Key}`,
      ...STYLE,
      '--older-than',
      '0s',
      '--yes',
    ])
    equal(code, 0, `the exit code (${stdout} ${stderr})`)
    await nothingIsLeft(Key)
  },
}
