import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import PQueue from 'p-queue'
import { type S3WritableError, s3Writable } from 's3-writable'
import { bytes, KiB, MiB, P } from '../../support/bytes.js'

const UPLOADS = 20
/** How many uploads run at the same time. */
const AT_ONCE = 10
/** How long an upload may take, in ms. Beyond that it counts as one that hangs. */
const LIMIT = 180_000
/** The `stallTimeout` of half of the uploads, in ms. It is shorter than the time for which a stopped node stalls the others. */
export const STALL_TIMEOUT = 5_000
/** The `stallTimeout` of the other half, in ms. These may outlast a stopped node. */
const LONG_STALL_TIMEOUT = 15_000
const CHUNK = 256 * KiB
/** The pause after each chunk of a source, in ms, so that all uploads that run at the same time get their turn. */
const PAUSE = 10
const SMALL_SIZES = [1 * KiB, 300 * KiB, 3 * MiB, P]
const POOL = bytes(48 * MiB)

export type Failure = Error & Partial<S3WritableError>

/** One upload, and how it ended. */
export interface ClusterUpload {
  Key: string
  data: Buffer
  leavePartsOnError: boolean
  stallTimeout: number
  /** The error with which the source fails. */
  sourceError?: Error
  bytesUploaded: number
  /** Once the stream knows it. */
  UploadId?: string
  /** Undefined until the stream has closed; for ever, if that takes too long. */
  outcome?: 'finished' | 'failed'
  error?: Failure
}

/** Twenty uploads: every fifth is one PutObject, every fifth keeps its parts on failure, and two sources fail. */
export function planUploads(prefix: string): ClusterUpload[] {
  return Array.from({ length: UPLOADS }, (_, index): ClusterUpload => {
    const small = index % 5 === 0 ? SMALL_SIZES[index / 5] : undefined
    const size = small ?? 16 * MiB + Math.floor((24 * MiB * index) / UPLOADS) + index
    const start = index * 4099
    return {
      Key: `${prefix}/${index}`,
      data: POOL.subarray(start, start + size),
      leavePartsOnError: index % 5 === 1,
      stallTimeout: index % 2 === 0 ? STALL_TIMEOUT : LONG_STALL_TIMEOUT,
      bytesUploaded: 0,
      ...(index === 7 || index === 13 ? { sourceError: new Error('the source failed') } : {}),
    }
  })
}

/** Runs the uploads, a few at a time. Resolves when each has ended, or has taken too long. */
export async function runUploads(uploads: ClusterUpload[], client: S3Client, Bucket: string): Promise<void> {
  const queue = new PQueue({ concurrency: AT_ONCE })
  await queue.addAll(uploads.map((upload) => () => run(upload, client, Bucket)))
}

async function run(upload: ClusterUpload, client: S3Client, Bucket: string): Promise<void> {
  const { Key, leavePartsOnError, stallTimeout } = upload
  const stream = s3Writable({ client, Bucket, Key, partSize: P, leavePartsOnError, stallTimeout })
  stream.on('progress', ({ loaded }) => {
    upload.bytesUploaded = loaded
  })
  stream.on('upload', ({ UploadId }) => {
    upload.UploadId = UploadId
  })
  const closed = once(stream, 'close')
  const limit = new AbortController()
  const transferred = pipeline(sourceOf(upload), stream)
  transferred.catch(() => {})
  // The clean-up goes on after `pipeline` has rejected with the error of the source.
  const ended = closed.catch(() => {}).then(() => transferred)
  const tooLong = sleep(LIMIT, 'too long', { signal: limit.signal }).catch(() => undefined)
  try {
    const winner = await Promise.race([ended, tooLong])
    if (winner !== 'too long') upload.outcome = 'finished'
  } catch (error) {
    upload.outcome = 'failed'
    upload.error = error as Failure
  } finally {
    limit.abort()
  }
}

/** The bytes of the upload. A source that fails does so after three quarters of them. */
function sourceOf({ data, sourceError }: ClusterUpload): Readable {
  const end = sourceError === undefined ? data.length : Math.floor((data.length * 3) / 4)
  return Readable.from(
    (async function* () {
      for (let at = 0; at < end; at += CHUNK) {
        yield data.subarray(at, Math.min(at + CHUNK, end))
        await sleep(PAUSE)
      }
      if (sourceError !== undefined) throw sourceError
    })(),
    { objectMode: false },
  )
}
