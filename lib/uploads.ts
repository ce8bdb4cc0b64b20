import type { Part } from '@aws-sdk/client-s3'
import { describeCause } from './errors/causes.js'
import { checkClient, checkName, checkOptions } from './options/check.js'
import type { S3ClientLike } from './options/types.js'
import { pagesOfParts, type UnfinishedUpload, uploadsUnder } from './requests/list.js'
import { Requests } from './requests/requests.js'
import { removeUpload } from './upload/remove-upload.js'

/** The options of `listUploads`. */
export interface ListUploadsOptions {
  /** The S3 client to send with. It is never destroyed by this function. */
  client: S3ClientLike
  /** The bucket to look in: a name, or the ARN of an access point. */
  Bucket: string
  /**
   * List only the uploads whose keys begin with this string.
   * @default '' (all keys)
   */
  Prefix?: string | undefined
}

/** The options of `listParts` and `abortUpload`: one unfinished upload. */
export interface UploadOptions {
  /** The S3 client to send with. It is never destroyed by these functions. */
  client: S3ClientLike
  /** The bucket of the upload: a name, or the ARN of an access point. */
  Bucket: string
  /** The key that the object will have. */
  Key: string
  /** The id that S3 gave to the upload: `UploadId` of `listUploads`, of the `upload` event, or of an error. */
  UploadId: string
}

/** How long one page of a listing, or the removal of an upload, may take, in ms. */
const LIMIT = 30_000

/**
 * Lists the unfinished uploads of a bucket. S3 is asked for pages of 1,000 as the loop reaches them; each page must arrive
 * within 30 s.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 *
 * @example
 * // Remove all uploads that were begun more than a week ago.
 * const aWeekAgo = Date.now() - 7 * 24 * 60 * 60 * 1000
 * for await (const { Key, UploadId, Initiated } of listUploads({ client, Bucket: 'backups', Prefix: 'daily/' })) {
 *   if (Number(Initiated) < aWeekAgo) await abortUpload({ client, Bucket: 'backups', Key, UploadId })
 * }
 * @throws TypeError, with Node's `code`, if an option is wrong; S3WritableError if a request fails.
 */
export async function* listUploads(options: ListUploadsOptions): AsyncGenerator<UnfinishedUpload, void, undefined> {
  const { client, Bucket, Prefix = '' } = options
  checkClient(client)
  checkName('Bucket', Bucket)
  // checkOptions requires a Key, which a listing does not have.
  const requests = new Requests(
    { ...checkOptions({ client, Bucket, Key: 'any' }), Key: Prefix, s3: { Bucket } },
    () => false,
  )
  let foundLongerKey = false
  const yielded = new Set<string>()
  for await (const upload of uploadsUnder(requests, Prefix, limit)) {
    foundLongerKey ||= upload.Key !== Prefix
    yielded.add(upload.UploadId)
    yield upload
  }
  // MinIO matches a complete key here, not a prefix, and cannot be detected. So list the whole bucket and filter.
  if (Prefix === '' || foundLongerKey) return
  for await (const upload of uploadsUnder(requests, '', limit)) {
    if (upload.Key.startsWith(Prefix) && !yielded.has(upload.UploadId)) yield upload
  }
}

/**
 * Lists the stored parts of one unfinished upload. S3 is asked for pages of 1,000 as the loop reaches them; each page must
 * arrive within 30 s.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
 *
 * @example
 * let stored = 0
 * for await (const { Size = 0 } of listParts({ client, Bucket: 'backups', Key: 'disk.img', UploadId })) stored += Size
 * console.log(`${stored} bytes are stored`)
 * @throws TypeError, with Node's `code`, if an option is wrong; S3WritableError if a request fails or there is no such
 * upload.
 */
export async function* listParts(options: UploadOptions): AsyncGenerator<Part, void, undefined> {
  const requests = requestsOf(options)
  for await (const { Parts = [] } of pagesOfParts(requests, options.UploadId, limit)) yield* Parts
}

/**
 * Removes an unfinished upload and all its parts, including those that arrive while it is being removed. Resolves
 * with whether the upload existed: `false` if it was already completed or removed. Takes 30 s at most.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
 *
 * @example
 * const existed = await abortUpload({ client, Bucket: 'backups', Key: 'disk.img', UploadId })
 * console.log(existed ? 'removed' : 'there was no such upload')
 * @throws TypeError, with Node's `code`, if an option is wrong; S3WritableError if something of the upload may be left.
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

/** The requests of these functions are not part of a stream, so no stream can abort them. */
function requestsOf({ client, Bucket, Key, UploadId }: UploadOptions): Requests {
  checkName('UploadId', UploadId)
  return new Requests(checkOptions({ client, Bucket, Key }), () => false)
}
