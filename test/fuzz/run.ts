import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import type { S3Client } from '@aws-sdk/client-s3'
import { abortUpload, type Resume, type S3ClientLike, type S3Writable, s3Writable } from '../../lib/index.js'
import { bytes, pieces } from '../support/bytes.js'
import type { FaultProxy } from '../support/fault-proxy.js'
import type { Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { head, minio, unfinishedUploads } from '../support/store.js'
import { killedAndResumed } from './kill.js'
import type { Plan } from './plan.js'

/** The environment that all runs share. */
export interface Ground {
  proxy: FaultProxy
  Bucket: string
  /** A client for each number of attempts. */
  client: (maxAttempts: number) => S3Client
}

/** Long enough for a healthy request on a busy machine; a request that is cancelled too early is sent again. */
const stallTimeout = 4000
/** Longer than any run may take: the 30 s of the clean-up, and all stalls before it. */
const LIMIT = 90_000
const POOL = bytes(24 * 1024 * 1024)
const OLD = POOL.subarray(0, 1000)

/** Runs a plan. Throws if the outcome breaks a promise of the stream. Resolves with whether the object was made. */
export async function runPlan(ground: Ground, seed: number, plan: Plan): Promise<boolean> {
  const { Bucket, proxy } = ground
  const Key = `run-${seed}`
  const from = (seed >>> 0) % 1000
  const data = POOL.subarray(from, from + plan.size)
  if (plan.old) await minio.putObject(Bucket, Key, OLD)
  let troubled = false
  faults.set(Key, (seen) => {
    const fault = faultFor(plan, seen)
    troubled ||= fault !== undefined
    return fault
  })
  const killed = plan.end.how === 'killed and resumed'
  const started = killed ? await killedAndResumed(ground, Key, plan, data) : start(ground, Key, plan, data)
  const { upload, ended, mine, given } = started
  const failure: unknown = await Promise.race([
    ended.then(
      () => undefined,
      (error: unknown) => error ?? new Error('it failed with nothing'),
    ),
    sleep(LIMIT, undefined, { ref: false }).then(() => assert.fail(`the stream did not end within ${LIMIT} ms`)),
  ])
  if (started.unsure) await forgottenRemoved(ground, Key, upload)
  await nothingLeft(Bucket, Key)
  const { result } = upload
  if (failure === undefined)
    assert.ok(upload.writableFinished && result !== undefined, 'the stream finished with a result')
  const now = await holding(Bucket, Key, { new: data, old: OLD })
  const before = plan.old ? 'old' : 'nothing'
  const seen = proxy.seen.filter((one) => keyOf(one) === Key)
  // On a busy machine, a healthy request may stall.
  const slow = (failure as { code?: string } | undefined)?.code === 'ERR_S3_STALLED'
  // S3 may have carried out a PutObject whose answer was lost, and there is no request that finds out.
  const unheard = seen.some(({ operation, answered }) => operation === 'PutObject' && (!answered || slow))
  const unsure = started.unsure || unheard
  const right = result !== undefined ? ['new'] : unsure ? ['new', before] : [before]
  assert.ok(right.includes(now), `the key holds ${now}, not ${right}, after ${inspect(failure)}`)
  if (failure !== undefined) {
    const { cleanupError } = failure as { cleanupError?: unknown }
    assert.ok(troubled || slow || given(), `it failed without a reason: ${inspect(failure)}`)
    assert.ok(cleanupError === undefined, `${inspect(cleanupError)} after ${inspect(failure)}`)
    if (given() && !troubled && !slow) mine(failure)
  }
  faults.delete(Key)
  for (const one of seen) proxy.seen.splice(proxy.seen.indexOf(one), 1)
  return result !== undefined
}

/** The faults of the current runs, by key. */
export const faults = new Map<string, (seen: RecordedRequest) => Fault | undefined>()
export function keyOf({ url }: RecordedRequest): string {
  return new URL(url, 'http://proxy').pathname.split('/')[2] ?? ''
}

function faultFor({ faults }: Plan, { operation, PartNumber, attempt }: RecordedRequest): Fault | undefined {
  const found = faults.find(
    (one) =>
      one.operation === operation &&
      (operation !== 'UploadPart' || one.PartNumber === PartNumber) &&
      attempt <= one.times,
  )
  if (found === undefined) return undefined
  const { trouble } = found
  return 'ms' in trouble ? { do: trouble.do, until: sleep(trouble.ms) } : trouble
}

export interface Started {
  /** A stream that was killed before this one may have made the object. */
  unsure?: boolean
  upload: S3Writable
  ended: Promise<unknown>
  /** Whether the plan ended the upload itself. */
  given: () => boolean
  /** Asserts that a failure is the one that the plan gave. */
  mine: (failure: unknown) => void
}

/** How a stream that is killed, or resumes after that, differs from others. */
interface How {
  client?: S3ClientLike
  resume?: Resume
  /** Ends the stream as a SIGKILL would. */
  kill?: () => unknown
}

export function start(
  { proxy, Bucket, client }: Ground,
  Key: string,
  plan: Plan,
  data: Buffer,
  { kill, ...how }: How = {},
): Started {
  const { partSize, concurrency, maxAttempts, end } = plan
  const controller = new AbortController()
  const error = new Error('the plan ends it')
  let done = false
  const stop = (): void => {
    if (done || upload.destroyed || upload.writableFinished) return
    done = true
    if (kill !== undefined) kill()
    else if (end.how === 'signal') controller.abort(error)
    else upload.destroy(end.how === 'destroy' ? undefined : error)
  }
  const upload: S3Writable = s3Writable({
    client: client(maxAttempts),
    Bucket,
    Key,
    partSize,
    concurrency,
    stallTimeout,
    unsignedPayload: true,
    signal: controller.signal,
    ...(plan.condition && !plan.old ? { IfNoneMatch: '*' } : {}),
    ...how,
    beforeComplete: () => {
      if ('when' in end && 'beforeComplete' in end.when) stop()
    },
  })
  if ('when' in end && 'ms' in end.when) setTimeout(stop, end.when.ms)
  if ('when' in end && 'requests' in end.when) {
    void nth(proxy, Key, end.when.requests, upload).then(stop)
  }
  let i = 0
  const chunks = pieces(data, () => plan.writes[i++ % plan.writes.length] as number)
  const failing = function* (share: number): Generator<Buffer> {
    let left = Math.floor(data.length * share)
    for (const chunk of chunks) {
      if (chunk.length > left) break
      left -= chunk.length
      yield chunk
    }
    done = true
    throw error
  }
  const source = Readable.from(end.how === 'source fails' ? failing(end.share) : chunks, { objectMode: false })
  // pipeline does not wait for its destination to close when the source fails.
  const closed = new Promise((resolve) => upload.on('close', resolve))
  return {
    upload,
    ended: pipeline(source, upload).finally(() => closed),
    given: () => done,
    mine: (failure) => {
      const { cause, code } = failure as { cause?: unknown; code?: string }
      if (end.how === 'signal') assert.equal(cause, error)
      else if (end.how === 'destroy') assert.match(String(code), /^ERR_STREAM_(PREMATURE_CLOSE|DESTROYED)$/)
      else assert.equal(failure, error)
    },
  }
}

/** Resolves when this many requests of the run have arrived, or the run is over. */
async function nth(proxy: FaultProxy, Key: string, count: number, upload: S3Writable): Promise<void> {
  while (!upload.closed && proxy.seen.filter((one) => keyOf(one) === Key).length < count) await sleep(2)
}

/**
 * The killed stream had sent the request for the object. MinIO, whose client has disconnected, may empty the upload and list
 * it again only after the next stream has looked. Such an upload is left for `s3-writable abort`.
 */
async function forgottenRemoved({ Bucket, client }: Ground, Key: string, { UploadId: own }: S3Writable): Promise<void> {
  for (const { UploadId } of await unfinishedUploads(Bucket, Key)) {
    if (UploadId !== undefined && UploadId !== own) await abortUpload({ client: client(3), Bucket, Key, UploadId })
  }
}

async function nothingLeft(Bucket: string, Key: string): Promise<void> {
  const left = await unfinishedUploads(Bucket, Key)
  assert.ok(left.length === 0, `uploads are left: ${left.map(({ UploadId }) => UploadId)}`)
}

/** Finds the object whose bytes the key holds. */
async function holding(Bucket: string, Key: string, objects: Record<string, Buffer>): Promise<string> {
  const length = (await head(Bucket, Key))?.ContentLength
  if (length === undefined) return 'nothing'
  const stored = Buffer.concat(await (await minio.getObject(Bucket, Key)).toArray())
  const found = Object.entries(objects).find(([, data]) => data.equals(stored))
  return found?.[0] ?? `something else, of ${stored.length} bytes`
}
