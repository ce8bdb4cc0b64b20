import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { isUploadNotFound } from '../errors/causes.js'
import { abortUpload, listParts, listUploads, type UnfinishedUpload } from '../index.js'
import { type ClientOptions, makeClient } from './client.js'
import { asFailure, explained, Failure } from './failure.js'
import { print, printJson, say } from './output.js'
import { type Address, bytes, counted, duration } from './parse.js'

export interface ListOptions extends ClientOptions {
  json?: boolean
}

export interface AbortOptions extends ClientOptions {
  olderThan?: number
  uploadId?: string
  dryRun?: boolean
  yes?: boolean
}

/** What is known of an unfinished upload without asking for its parts. */
type Known = Pick<UnfinishedUpload, 'Key' | 'UploadId' | 'Initiated' | 'Owner'>

/** Every unfinished upload under an address, with what is stored of it. */
export async function ls({ Bucket, Key: Prefix }: Address, options: ListOptions): Promise<void> {
  await using(options, async (client) => {
    for await (const upload of listUploads({ client, Bucket, Prefix })) {
      const { Key, UploadId, Initiated, Owner } = upload
      const held = await stored(client, Bucket, upload)
      if (options.json) await printJson({ Bucket, Key, UploadId, Initiated, Owner, ...held })
      else
        await print([line(Bucket, upload), counted(held.parts, 'part'), bytes(held.size), ownerOf(upload)].join('  '))
    }
  })
}

/** Removes the unfinished uploads under an address that are old enough, or one by its name. */
export async function abort({ Bucket, Key }: Address, options: AbortOptions): Promise<void> {
  const { olderThan, uploadId, dryRun, yes } = options
  if ((olderThan === undefined) === (uploadId === undefined)) {
    throw new Failure(2, 'Give either --older-than, such as 7d, or --upload-id.')
  }
  if (uploadId !== undefined && Key === '') throw new Failure(2, '--upload-id needs the key: s3://bucket/key.')
  await using(options, async (client) => {
    const found =
      uploadId === undefined
        ? await old(client, { Bucket, Key }, olderThan as number)
        : [await named(client, { Bucket, Key, UploadId: uploadId })]
    for (const upload of found) await print(line(Bucket, upload))
    if (dryRun || found.length === 0) return
    if (!yes && !(await confirmed(found.length))) throw new Failure(1, 'Nothing was removed.')
    const { failures, ...counts } = await removed(client, Bucket, found)
    say(outcome(counts))
    const last = failures.pop()
    for (const failure of failures) say(`s3-writable: ${explained(failure)}`)
    if (last !== undefined) throw asFailure(last)
  })
}

async function using(options: ClientOptions, use: (client: S3Client) => Promise<void>): Promise<void> {
  const client = makeClient(options)
  try {
    await use(client)
  } catch (error) {
    throw asFailure(error)
  } finally {
    client.destroy()
  }
}

async function old(client: S3Client, { Bucket, Key: Prefix }: Address, age: number): Promise<Known[]> {
  const before = Date.now() - age
  const found: Known[] = []
  for await (const upload of listUploads({ client, Bucket, Prefix })) {
    if (isOld(upload, before)) found.push(upload)
  }
  return found
}

async function stored(
  client: S3Client,
  Bucket: string,
  { Key, UploadId }: Known,
): Promise<{ parts: number; size: number }> {
  const held = { parts: 0, size: 0 }
  try {
    for await (const { Size = 0 } of listParts({ client, Bucket, Key, UploadId })) {
      held.parts++
      held.size += Size
    }
  } catch (error) {
    // It ended while it was being listed.
    if (!isUploadNotFound(error)) throw error
  }
  return held
}

/** A name that is mistyped is not to be told as removed. Who may not look may still remove. */
async function named(client: S3Client, upload: Known & { Bucket: string }): Promise<Known> {
  try {
    await listParts({ client, ...upload }).next()
  } catch (error) {
    if (isUploadNotFound(error)) throw new Failure(1, `There is no such upload: ${line(upload.Bucket, upload)}`, error)
  }
  return upload
}

/** Goes on after one that cannot be removed. */
async function removed(
  client: S3Client,
  Bucket: string,
  uploads: Known[],
): Promise<{ removed: number; gone: number; failures: unknown[] }> {
  const answers: unknown[] = []
  const failures: unknown[] = []
  for (const { Key, UploadId } of uploads) {
    try {
      answers.push(await abortUpload({ client, Bucket, Key, UploadId }))
    } catch (error) {
      failures.push(error)
    }
  }
  const gone = answers.filter((wasThere) => wasThere === false).length
  return { removed: answers.length - gone, gone, failures }
}

/** `2 removed, 1 already gone.` */
export function outcome({ removed, gone }: { removed: number; gone: number }): string {
  return `${[`${removed} removed`, ...(gone === 0 ? [] : [`${gone} already gone`])].join(', ')}.`
}

/** One whose begin the store does not tell is not known to be old. */
export function isOld({ Initiated }: Pick<UnfinishedUpload, 'Initiated'>, before: number): boolean {
  return Initiated !== undefined && Initiated.getTime() <= before
}

export function ownerOf({ Owner }: Pick<UnfinishedUpload, 'Owner'>): string {
  return Owner?.DisplayName || Owner?.ID || '-'
}

export function line(Bucket: string, { Key, UploadId, Initiated }: Known): string {
  const age = Initiated === undefined ? [] : [`${duration(Date.now() - Initiated.getTime())} old`]
  return [`s3://${Bucket}/${Key}`, UploadId, ...age].join('  ')
}

async function confirmed(count: number): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Failure(2, 'Nobody can be asked here: give --yes to remove them.')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const question = terminal.question(`Remove ${counted(count, 'upload')}? [y/N] `)
  // The end of the input is no answer, and means no.
  const answer = await Promise.race([question, once(terminal, 'close').then(() => '')])
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
