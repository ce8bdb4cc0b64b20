import type { Part } from '@aws-sdk/client-s3'
import { describeCause } from './errors/causes.js'
import { checkClient, checkName, checkOptions } from './options/check.js'
import type { S3ClientLike } from './options/types.js'
import { pagesOfParts, type UnfinishedUpload, uploadsUnder } from './requests/list.js'
import { Requests } from './requests/requests.js'
import { removeUpload } from './upload/remove-upload.js'

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
  const requests = new Requests(
    { ...checkOptions({ client, Bucket, Key: 'any' }), Key: Prefix, s3: { Bucket } },
    () => false,
  )
  let deeper = false
  const yielded = new Set<string>()
  for await (const upload of uploadsUnder(requests, Prefix, limit)) {
    deeper ||= upload.Key !== Prefix
    yielded.add(upload.UploadId)
    yield upload
  }
  // MinIO matches a complete key here, not a prefix, and cannot be detected: so list the whole bucket, and filter.
  if (Prefix === '' || deeper) return
  for await (const upload of uploadsUnder(requests, '', limit)) {
    if (upload.Key.startsWith(Prefix) && !yielded.has(upload.UploadId)) yield upload
  }
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

/**
 * Removes an unfinished upload and every part of it, a part that lands meanwhile included. Resolves with whether there was
 * such an upload: false where it was completed or removed before.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
 *
 * @throws TypeError, with Node's `code`, where an option is wrong; S3WritableError where something may be left.
 */
export async function abortUpload(options: UploadOptions): Promise<boolean> {
  const requests = requestsOf(options)
  const { UploadId } = options
  const signal = limit()
  try {
    return await removeUpload(requests, UploadId, signal)
  } catch (cause) {
    if (!signal.aborted) throw cause
    const why = `upload ${UploadId} could not be removed within ${LIMIT / 1000} s. ${describeCause(cause)}`
    throw requests.error('ERR_S3_REQUEST', why, { UploadId, operation: 'AbortMultipartUpload', cause })
  }
}

function limit(): AbortSignal {
  return AbortSignal.timeout(LIMIT)
}

/** What looks and removes goes on until it is done. */
function requestsOf({ client, Bucket, Key, UploadId }: UploadOptions): Requests {
  checkName('UploadId', UploadId)
  return new Requests(checkOptions({ client, Bucket, Key }), () => false)
}
