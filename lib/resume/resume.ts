import type { ListPartsCommandInput, ListPartsCommandOutput } from '@aws-sdk/client-s3'
import { combineAll } from '../checksums/crc32.js'
import { isUploadNotFound } from '../errors/causes.js'
import { checkName, checkOptions } from '../options/check.js'
import type { CheckedOptions, ResumePoint, S3ClientLike } from '../options/types.js'
import { pagesOfParts, type UnfinishedUpload } from '../requests/list.js'
import { Requests } from '../requests/requests.js'
import type { StoredUpload } from '../upload/stored-parts.js'
import { compareWithObject, ObjectComparison } from './object-comparison.js'
import { onlyUploadOfKey } from './only-upload.js'
import { contiguousParts, readStoredUpload } from './stored-upload.js'

/** `LastModified` is rounded down to whole seconds, `Initiated` may not be. In ms. */
const ONE_SECOND = 1000

/** The options of `resumePoint`. */
export interface ResumePointOptions
  extends Pick<
    ListPartsCommandInput,
    'ExpectedBucketOwner' | 'RequestPayer' | 'SSECustomerAlgorithm' | 'SSECustomerKey' | 'SSECustomerKeyMD5'
  > {
  /** The S3 client to send with. It is never destroyed by this function. */
  client: S3ClientLike
  /** The bucket of the object. */
  Bucket: string
  /** The key of the object. */
  Key: string
  /**
   * The upload to resume.
   * @default the only unfinished upload of the key
   */
  UploadId?: string | undefined
}

/**
 * How far an unfinished upload is: how many bytes from the start S3 holds without a gap. For a source that can start in the
 * middle: pass the result to `s3Writable({ …, resume: point })` and write the bytes from `point.offset` on.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
 *
 * @example
 * const point = await resumePoint({ client, Bucket: 'backups', Key: 'disk.img' })
 * const source = createReadStream('disk.img', { start: point.offset })
 * await pipeline(source, s3Writable({ client, Bucket: 'backups', Key: 'disk.img', resume: point }))
 * @throws TypeError, with Node's `code`, if an option is wrong; S3WritableError with `ERR_S3_RESUME` if there is no such
 * upload, or more than one, or its parts are irregular.
 */
export async function resumePoint({ UploadId, ...object }: ResumePointOptions): Promise<ResumePoint> {
  if (UploadId !== undefined) checkName('UploadId', UploadId)
  const resume = UploadId === undefined ? true : { UploadId }
  const options = checkOptions({ ...object, resume })
  // Undefined only with `resume: 'auto'`.
  const upload = (await findUploadToResume(options, new AbortController().signal)) as StoredUpload | ObjectComparison
  if (upload instanceof ObjectComparison) throw upload.failure
  const parts = contiguousParts(upload)
  return {
    UploadId: upload.UploadId,
    offset: combineAll(parts).size,
    parts: parts.length,
    partSize: upload.partSize,
  }
}

/**
 * Finds the upload that the `resume` option asks for, and reads what S3 holds of it. Changes nothing on S3. If the upload
 * does not exist but the object does, returns a comparison with the object instead; with `resume: 'auto'`, undefined.
 *
 * @throws S3WritableError `ERR_S3_RESUME` if the upload cannot be resumed.
 */
export async function findUploadToResume(
  options: CheckedOptions,
  signal: AbortSignal,
): Promise<StoredUpload | ObjectComparison | undefined> {
  const requests = new Requests(options, () => false)
  const { resume } = options
  const { UploadId, Initiated }: Partial<UnfinishedUpload> =
    typeof resume === 'object' ? resume : ((await onlyUploadOfKey(options, requests, signal)) ?? {})
  if (UploadId === undefined) {
    if (resume === 'auto') return undefined
    const why =
      'there is no unfinished upload of this key: it was completed, aborted, removed as too old, or never begun'
    return await compareWithObject(options, requests, requests.error('ERR_S3_RESUME', why), signal)
  }
  const pages: ListPartsCommandOutput[] = []
  try {
    for await (const page of pagesOfParts(requests, UploadId, () => signal)) pages.push(page)
  } catch (cause) {
    if (!isUploadNotFound(cause)) throw cause
    // The upload ended after it was listed.
    if (resume === 'auto') return undefined
    const why = `there is no upload ${UploadId} any more: it was completed, aborted, or removed as too old`
    const error = requests.error('ERR_S3_RESUME', why, { UploadId, cause })
    return await compareWithObject(options, requests, error, signal)
  }
  try {
    const upload = await readStoredUpload(options, requests, UploadId, pages)
    return { ...upload, createdAt: Initiated && Initiated.getTime() - ONE_SECOND }
  } catch (cause) {
    const why = `upload ${UploadId} cannot be resumed: ${(cause as Error).message}. It was left as it is`
    throw requests.error('ERR_S3_RESUME', why, { UploadId, cause })
  }
}
