import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { abortUpload, listParts, listUploads, type UnfinishedUpload } from '../index.js'
import { type ClientOptions, makeClient } from './client.js'
import { explain, Failure } from './failure.js'
import { formatBytes, formatDuration, plural } from './format.js'
import { toNamedFailure } from './option-errors.js'
import { print, printJson, printMessage } from './output.js'
import type { Address } from './parse.js'

export interface ListOptions extends ClientOptions {
  json?: boolean
}

export interface AbortOptions extends ClientOptions {
  /** Minimum age in milliseconds. */
  olderThan?: number
  uploadId?: string
  dryRun?: boolean
  yes?: boolean
}

/** The fields of an unfinished upload that are known without a ListParts request. */
type Upload = Pick<UnfinishedUpload, 'Key' | 'UploadId' | 'Initiated' | 'Owner'>

/** The `ls` command: prints every unfinished upload under an address, with the number and size of its parts. */
export async function ls({ Bucket, Key: Prefix }: Address, options: ListOptions): Promise<void> {
  await withClient(options, async (client) => {
    for await (const upload of listUploads({ client, Bucket, Prefix })) {
      const { Key, UploadId, Initiated, Owner } = upload
      const { parts, size } = await sumOfParts(client, Bucket, upload)
      if (options.json) await printJson({ Bucket, Key, UploadId, Initiated, Owner, parts, size })
      else await print(formatUpload(Bucket, upload, { parts, size }))
    }
  })
}

/** The `abort` command: removes the unfinished uploads under an address that are old enough, or one by its UploadId. */
export async function abort({ Bucket, Key }: Address, options: AbortOptions): Promise<void> {
  const { olderThan, uploadId, dryRun, yes } = options
  if ((olderThan === undefined) === (uploadId === undefined)) {
    throw new Failure(2, 'abort needs either --older-than, such as --older-than 7d, or --upload-id.')
  }
  if (uploadId !== undefined && Key === '') throw new Failure(2, '--upload-id needs the key: s3://bucket/key.')
  await withClient(options, async (client) => {
    const uploads =
      uploadId === undefined
        ? await uploadsOlderThan(client, { Bucket, Key }, olderThan as number)
        : [await existingUpload(client, { Bucket, Key, UploadId: uploadId })]
    for (const upload of uploads) await print(formatUpload(Bucket, upload))
    if (dryRun || uploads.length === 0) return
    if (!yes && !(await confirmRemoval(uploads.length))) throw new Failure(1, 'Nothing was removed.')
    const { failures, ...counts } = await removeUploads(client, Bucket, uploads)
    printMessage(formatOutcome(counts))
    const last = failures.pop()
    for (const failure of failures) printMessage(`s3-writable: ${explain(failure)}`)
    if (last !== undefined) throw toNamedFailure(last)
  })
}

async function withClient(options: ClientOptions, use: (client: S3Client) => Promise<void>): Promise<void> {
  const client = await makeClient(options)
  try {
    await use(client)
  } catch (error) {
    throw toNamedFailure(error)
  } finally {
    client.destroy()
  }
}

async function uploadsOlderThan(client: S3Client, { Bucket, Key: Prefix }: Address, age: number): Promise<Upload[]> {
  const latest = Date.now() - age
  const uploads: Upload[] = []
  for await (const upload of listUploads({ client, Bucket, Prefix })) {
    if (wasInitiatedAtOrBefore(upload, latest)) uploads.push(upload)
  }
  return uploads
}

async function sumOfParts(
  client: S3Client,
  Bucket: string,
  { Key, UploadId }: Upload,
): Promise<{ parts: number; size: number }> {
  const sum = { parts: 0, size: 0 }
  try {
    for await (const { Size = 0 } of listParts({ client, Bucket, Key, UploadId })) {
      sum.parts++
      sum.size += Size
    }
  } catch (error) {
    // The upload may be completed or aborted while its parts are being listed.
    if (!isUploadNotFound(error)) throw error
  }
  return sum
}

/**
 * Checks that the upload exists, so that a mistyped UploadId is not reported as removed. Any other error is ignored,
 * because credentials that forbid ListParts may still permit AbortMultipartUpload.
 */
async function existingUpload(client: S3Client, upload: Upload & { Bucket: string }): Promise<Upload> {
  try {
    await listParts({ client, ...upload }).next()
  } catch (error) {
    if (isUploadNotFound(error)) {
      throw new Failure(1, `The upload does not exist: s3://${upload.Bucket}/${upload.Key}  ${upload.UploadId}`, error)
    }
  }
  return upload
}

/** Whether S3 answered that the upload does not exist. Ceph answers NoSuchKey instead of NoSuchUpload. */
export function isUploadNotFound(error: unknown): boolean {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } }
  return name === 'NoSuchUpload' || (name === 'NoSuchKey' && $metadata?.httpStatusCode === 404)
}

/** Removes all uploads that can be removed, and collects the errors of the others. */
async function removeUploads(
  client: S3Client,
  Bucket: string,
  uploads: Upload[],
): Promise<{ removed: number; notFound: number; failures: unknown[] }> {
  const counts = { removed: 0, notFound: 0 }
  const failures: unknown[] = []
  for (const { Key, UploadId } of uploads) {
    try {
      const existed = await abortUpload({ client, Bucket, Key, UploadId })
      counts[existed ? 'removed' : 'notFound']++
    } catch (error) {
      failures.push(error)
    }
  }
  return { ...counts, failures }
}

/** `2 removed, 1 no longer existed.` */
export function formatOutcome({ removed, notFound }: { removed: number; notFound: number }): string {
  return `${[`${removed} removed`, ...(notFound === 0 ? [] : [`${notFound} no longer existed`])].join(', ')}.`
}

/** Whether the upload was begun at `latest` or before, in ms since 1970; false if the server does not say when. */
export function wasInitiatedAtOrBefore({ Initiated }: Pick<UnfinishedUpload, 'Initiated'>, latest: number): boolean {
  return Initiated !== undefined && Initiated.getTime() <= latest
}

export function ownerName({ Owner }: Pick<UnfinishedUpload, 'Owner'>): string {
  return Owner?.DisplayName || Owner?.ID || '-'
}

/**
 * Age, size and parts in columns that line up, though the uploads arrive one by one; then the address, the owner, and
 * the UploadId, which is long. Without `sum`, the sum of the stored parts, there are no size and parts.
 */
export function formatUpload(
  Bucket: string,
  { Key, UploadId, Initiated, Owner }: Upload,
  sum?: { parts: number; size: number },
): string {
  const age = Initiated === undefined ? '-' : formatDuration(Date.now() - Initiated.getTime())
  const columns = sum === undefined ? [] : [formatBytes(sum.size).padStart(10), plural(sum.parts, 'part').padStart(11)]
  return [age.padStart(8), ...columns, `s3://${Bucket}/${Key}`, ownerName({ Owner }), UploadId].join('  ')
}

async function confirmRemoval(count: number): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Failure(2, 'Standard input is not a terminal: pass --yes to confirm.')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const question = terminal.question(`Remove ${plural(count, 'upload')}? [y/N] `)
  // `question` never settles if the input ends. That counts as "no".
  const answer = await Promise.race([question, once(terminal, 'close').then(() => '')])
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
