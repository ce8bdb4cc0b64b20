import type { HeadObjectCommandOutput, ListPartsCommandInput, ListPartsCommandOutput } from '@aws-sdk/client-s3'
import { allOf, type StoredPart } from '../checksums/etag.js'
import { addToMessage, type S3WritableError, type ServiceException } from '../errors/s3-writable-error.js'
import { checkName, checkOptions } from '../options/check.js'
import { type Declared, verifiedWhole } from '../options/parameters.js'
import type { CheckedOptions, ResumePoint, S3ClientLike } from '../options/types.js'
import { partSizes, partSizesOf } from '../parts/sizes.js'
import { pagesOfParts, type UnfinishedUpload, uploadsUnder } from '../requests/list.js'
import { Requests } from '../requests/requests.js'
import { isGone, within } from '../upload/cleanup.js'
import { Comparison } from './object-comparison.js'
import { type Earlier, earlierPart } from './stored-upload.js'

/** LastModified has whole seconds, and Initiated may have parts of them. In ms. */
const A_SECOND = 1000

/** What `resumePoint` takes. */
export interface ResumePointOptions
  extends Pick<
    ListPartsCommandInput,
    'ExpectedBucketOwner' | 'RequestPayer' | 'SSECustomerAlgorithm' | 'SSECustomerKey' | 'SSECustomerKeyMD5'
  > {
  client: S3ClientLike
  Bucket: string
  Key: string
  /** @default the only unfinished upload of the key */
  UploadId?: string | undefined
}

/**
 * How far an unfinished upload is: how many bytes from the start S3 holds without a hole. For a source that can begin
 * there, which then goes into `s3Writable({ …, resume: point })`.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
 *
 * @throws TypeError, with Node's `code`, where an option is wrong; S3WritableError with `ERR_S3_RESUME` where there is no
 * such upload, or more than one, or its parts are irregular.
 */
export async function resumePoint({ UploadId, ...object }: ResumePointOptions): Promise<ResumePoint> {
  if (UploadId !== undefined) checkName('UploadId', UploadId)
  const resume = UploadId === undefined ? true : { UploadId }
  const options = checkOptions({ ...object, resume })
  const found = await takeUp(options, new AbortController().signal)
  if (found instanceof Comparison) throw found.gone
  const run = withoutHole(found)
  return { UploadId: found.UploadId, offset: allOf(run).size, parts: run.length, partSize: found.partSize }
}

/** Reads what the upload to resume has stored. Leaves it as it is, however that ends. */
export async function takeUp(options: CheckedOptions, signal: AbortSignal): Promise<Earlier | Comparison> {
  const requests = new Requests(options, () => false)
  const { resume } = options
  const { UploadId, Initiated }: Partial<UnfinishedUpload> =
    typeof resume === 'object' ? resume : ((await theOne(options, requests, signal)) ?? {})
  if (UploadId === undefined) {
    const why =
      'there is no unfinished upload of this key: it was completed, aborted, removed as too old, or never begun'
    return await gone(options, requests, requests.error('ERR_S3_RESUME', why), signal)
  }
  const pages: ListPartsCommandOutput[] = []
  try {
    for await (const page of pagesOfParts(requests, UploadId, () => signal)) pages.push(page)
  } catch (cause) {
    if (!isGone(cause)) throw cause
    const why = `there is no upload ${UploadId} any more: it was completed, aborted, or removed as too old`
    return await gone(options, requests, requests.error('ERR_S3_RESUME', why, { UploadId, cause }), signal)
  }
  try {
    return { ...earlier(options, requests, UploadId, pages), begun: Initiated && Initiated.getTime() - A_SECOND }
  } catch (cause) {
    const why = `upload ${UploadId} cannot be resumed: ${(cause as Error).message}. It was left as it is`
    throw requests.error('ERR_S3_RESUME', why, { UploadId, cause })
  }
}

function earlier(
  options: CheckedOptions,
  requests: Requests,
  UploadId: string,
  pages: ListPartsCommandOutput[],
): Omit<Earlier, 'begun'> {
  const declared = declaredBy(pages[0] as ListPartsCommandOutput)
  const given = verifiedWhole(options.s3)
  if (given !== undefined && (given !== declared.ChecksumAlgorithm || declared.ChecksumType !== 'FULL_OBJECT')) {
    throw new Error(`Checksum${given} needs an upload that declared it for the full object`)
  }
  const stored = pages.flatMap(({ Parts = [] }) => Parts).flatMap((part) => earlierPart(part, declared, options) ?? [])
  const sized = stored.map(({ listed, size }) => ({ PartNumber: listed.PartNumber as number, size }))
  const told = partSizesOf(sized, options.maxParts, options.equalParts)
  const parts = new Map(stored.map((part) => [part.listed.PartNumber as number, part]))
  const all = { UploadId, declared, sizes: told ?? options.sizes, partSize: told?.(1), parts, before: 0 }
  const { resume } = options
  return typeof resume === 'object' && resume.offset !== undefined ? from(resume, all, options, requests) : all
}

/** That there is none, MinIO says by an empty text, and versitygw by `null`. */
function declaredBy({ ChecksumAlgorithm, ChecksumType }: ListPartsCommandOutput): Declared {
  const told = Object.entries({ ChecksumAlgorithm, ChecksumType })
  return Object.fromEntries(told.filter(([, value]) => /^[A-Z]/.test(String(value))))
}

/** The parts from the first on without a hole. One that is smaller than its place says ends them, if it is the last. */
function withoutHole({ parts, sizes }: Pick<Earlier, 'parts' | 'sizes'>): StoredPart[] {
  const run: StoredPart[] = []
  const last = Math.max(...parts.keys())
  for (let n = 1; parts.has(n); n++) {
    const part = parts.get(n) as StoredPart
    if (part.size < sizes(n) && n < last) break
    run.push(part)
  }
  return run
}

/** The stream begins behind the point's parts, if they still are what it says. */
function from(
  { offset, parts: before }: ResumePoint,
  all: Omit<Earlier, 'begun'>,
  { s3 }: CheckedOptions,
  requests: Requests,
): Omit<Earlier, 'begun'> {
  const run = withoutHole(all).slice(0, before)
  const { crc, size } = allOf(run)
  if (run.length < before || size !== offset) {
    throw new Error(`its first ${before} parts should hold ${offset} bytes, and ${run.length} hold ${size}`)
  }
  if (s3.ChecksumCRC32 !== undefined && crc === undefined) {
    throw new Error('ChecksumCRC32 is given, but the parts before the offset have no CRC-32')
  }
  const last = run.at(-1)
  if (last === undefined || last.size === all.sizes(before)) return { ...all, before }
  // Only the last part of an object may be so small.
  const why = `part ${before}, the last that is stored, holds ${last.size} bytes, so nothing can follow it: the source is longer than it was. Resume from the start, by { UploadId }`
  const sizes = (): never => {
    throw requests.error('ERR_S3_RESUME', why, { UploadId: all.UploadId })
  }
  return { ...all, before, sizes }
}

/** The only unfinished upload of the key that may be this account's; undefined where there is none. */
async function theOne(
  options: CheckedOptions,
  requests: Requests,
  signal: AbortSignal,
): Promise<UnfinishedUpload | undefined> {
  const all: UnfinishedUpload[] = []
  for await (const upload of uploadsUnder(requests, options.Key, () => signal)) {
    if (upload.Key === options.Key) all.push(upload)
  }
  const others = await Promise.all(all.map((upload) => within(signal, isAnothers(upload, options.client))))
  const [first, ...more] = all.filter((_, at) => !others[at])
  if (more.length === 0) return first
  const named = [first as UnfinishedUpload, ...more]
    .sort((a, b) => Number(b.Initiated) - Number(a.Initiated))
    .map(({ UploadId, Initiated }) => `${UploadId} (begun ${Initiated?.toISOString() ?? 'nobody says when'})`)
  const why = `there are ${named.length} unfinished uploads of this key. Name one by its UploadId: ${named.join(', ')}`
  throw requests.error('ERR_S3_RESUME', why)
}

/**
 * Whether another account began it, where that can be known: AWS names an IAM user or role by an ARN, which holds the
 * account. https://docs.aws.amazon.com/AmazonS3/latest/API/API_Initiator.html
 */
async function isAnothers({ Initiator }: UnfinishedUpload, { config }: S3ClientLike): Promise<boolean> {
  const account = /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(Initiator?.ID ?? '')?.[1]
  if (account === undefined) return false
  const { credentials } = config as { credentials?: () => Promise<{ accountId?: string }> }
  const { accountId = account } = (await credentials?.()) ?? {}
  return accountId !== account
}

/** Says what became of an upload that is gone, as far as the object tells; else what is to be compared with the object. */
async function gone(
  options: CheckedOptions,
  requests: Requests,
  error: S3WritableError,
  signal: AbortSignal,
): Promise<Comparison> {
  const { resume, ContentLength, maxParts, equalParts } = options
  const tell = (found: string): S3WritableError => addToMessage(error, found)
  let there: HeadObjectCommandOutput
  let first: HeadObjectCommandOutput | undefined
  try {
    there = await requests.head(signal)
    if (/-\d+"?$/.test(String(there.ETag)))
      first = await requests.head(signal, { PartNumber: 1, ChecksumMode: undefined })
  } catch (cause) {
    const { $metadata } = cause as ServiceException
    throw tell($metadata?.httpStatusCode === 404 ? 'There is no object of this key' : (cause as Error).message)
  }
  const { ContentLength: size, LastModified } = there
  tell(`An object of ${size} bytes is there, made ${LastModified?.toISOString()}`)
  if (ContentLength !== undefined && ContentLength !== size) throw tell(`ContentLength is ${ContentLength}`)
  if (typeof resume === 'object' && resume.offset !== undefined) throw error
  // Whatever partSize says: by the size of its first part.
  const sizes = first === undefined ? options.sizes : partSizes(first.ContentLength as number, maxParts, equalParts)
  return new Comparison(sizes, requests, error)
}
