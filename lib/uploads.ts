import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  type ListPartsCommandOutput,
  type MultipartUpload,
  type Part,
} from '@aws-sdk/client-s3'
import { removeUpload } from './abort.js'
import { checkClient, checkName, checkOptions } from './check-options.js'
import { describeCause, S3WritableError } from './errors.js'
import type { CheckedOptions, S3ClientLike } from './options.js'
import { type Params, paramsFor } from './parameters.js'
import { Requests } from './requests.js'

/** Where to look for unfinished uploads. */
export interface ListUploadsOptions {
  client: S3ClientLike
  Bucket: string
  /**
   * Only keys that begin with this.
   * @default every key
   */
  Prefix?: string | undefined
}

/** One unfinished upload. */
export interface UploadOptions {
  client: S3ClientLike
  Bucket: string
  Key: string
  UploadId: string
}

/** An upload that was begun, and neither completed nor aborted: what is stored of it costs money. */
export interface UnfinishedUpload extends MultipartUpload {
  Key: string
  UploadId: string
}

/** A page, or the removal of an upload, ends within this time, in milliseconds. */
const LIMIT = 30_000

/**
 * The unfinished uploads of a bucket, in pages of 1,000 as S3 gives them.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 *
 * @throws TypeError, with Node's `code`, where an option is wrong; S3WritableError where S3 refuses.
 */
export async function* listUploads(options: ListUploadsOptions): AsyncGenerator<UnfinishedUpload, void, undefined> {
  const { client, Bucket, Prefix = '' } = options
  checkClient(client)
  checkName('Bucket', Bucket)
  let deeper = false
  const told = new Set<string>()
  for await (const upload of pages(options, Prefix)) {
    deeper ||= upload.Key !== Prefix
    told.add(upload.UploadId)
    yield upload
  }
  // MinIO takes a prefix for a whole key; so does no other, but none says which it is.
  if (Prefix === '' || deeper) return
  for await (const upload of pages(options, '')) {
    if (upload.Key.startsWith(Prefix) && !told.has(upload.UploadId)) yield upload
  }
}

/** The unfinished uploads of one key. */
export async function uploadsOf(
  { client, Bucket, Key, s3 }: CheckedOptions,
  signal: AbortSignal,
): Promise<UnfinishedUpload[]> {
  const found: UnfinishedUpload[] = []
  for await (const upload of pages({ client, Bucket }, Key, paramsFor('uploads', s3), signal)) {
    if (upload.Key === Key) found.push(upload)
  }
  return found
}

async function* pages(
  { client, Bucket }: Pick<ListUploadsOptions, 'client' | 'Bucket'>,
  Prefix: string,
  more: Params = {},
  signal?: AbortSignal,
): AsyncGenerator<UnfinishedUpload> {
  let next: { KeyMarker?: string; UploadIdMarker?: string | undefined } | undefined = {}
  while (next !== undefined) {
    const input = { Bucket, ...(Prefix === '' ? {} : { Prefix }), ...more, ...next }
    const place = { Bucket, Key: Prefix, operation: 'ListMultipartUploads' }
    const signals = [limit(), ...(signal === undefined ? [] : [signal])]
    const page: ListMultipartUploadsCommandOutput = await asked(place, () =>
      client.send(new ListMultipartUploadsCommand(input), { abortSignal: AbortSignal.any(signals) }),
    )
    for (const upload of page.Uploads ?? []) if (isNamed(upload) && upload.Key.startsWith(Prefix)) yield upload
    const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
    next = IsTruncated === true && KeyMarker !== undefined ? { KeyMarker, UploadIdMarker } : undefined
  }
}

function isNamed(upload: MultipartUpload): upload is UnfinishedUpload {
  return upload.Key !== undefined && upload.UploadId !== undefined
}

/**
 * The parts that S3 has of one unfinished upload, in pages of 1,000 as S3 gives them.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
 *
 * @throws TypeError, with Node's `code`, where an option is wrong; S3WritableError where S3 refuses, or has no such upload.
 */
export async function* listParts(options: UploadOptions): AsyncGenerator<Part, void, undefined> {
  const requests = requestsOf(options)
  for await (const { Parts = [] } of pagesOfParts(requests, options.UploadId, limit)) yield* Parts
}

/** `signal` is asked for one for each page. */
export async function* pagesOfParts(
  requests: Requests,
  UploadId: string,
  signal: () => AbortSignal,
): AsyncGenerator<ListPartsCommandOutput, void, undefined> {
  let next: { PartNumberMarker?: string } | undefined = {}
  while (next !== undefined) {
    const page: ListPartsCommandOutput = await requests.listParts(UploadId, signal(), next.PartNumberMarker)
    yield page
    const { IsTruncated, NextPartNumberMarker: PartNumberMarker } = page
    next = IsTruncated === true && PartNumberMarker !== undefined ? { PartNumberMarker } : undefined
  }
}

/**
 * Removes an unfinished upload and every part of it, a part that lands meanwhile included. Resolves where there is none.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
 *
 * @throws TypeError, with Node's `code`, where an option is wrong; S3WritableError where something may be left.
 */
export async function abortUpload(options: UploadOptions): Promise<void> {
  const requests = requestsOf(options)
  const { Bucket, Key, UploadId } = options
  const place = { Bucket, Key, UploadId, operation: 'AbortMultipartUpload' }
  await asked(place, () => removeUpload(requests, UploadId, limit()))
}

function limit(): AbortSignal {
  return AbortSignal.timeout(LIMIT)
}

/** What looks and removes goes on until it is done. */
function requestsOf({ client, Bucket, Key, UploadId }: UploadOptions): Requests {
  checkName('UploadId', UploadId)
  return new Requests(checkOptions({ client, Bucket, Key }), () => false)
}

async function asked<T>(place: { Bucket: string; Key: string; operation: string }, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (cause) {
    if (cause instanceof S3WritableError) throw cause
    const { Bucket, Key, operation } = place
    const message = `s3://${Bucket}/${Key}: ${operation} failed. ${describeCause(cause)}`
    throw new S3WritableError('ERR_S3_REQUEST', message, { ...place, cause })
  }
}
