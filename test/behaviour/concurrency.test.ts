import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type S3Writable, type S3WritableOptions, s3Writable } from '../../lib/index.js'
import { MiB, P, zeros } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import type { FaultProxy, ProxyOptions } from '../support/fault-proxy.js'
import type { Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { type Scenario, scenario } from '../support/scenario.js'
import { unfinishedUpload } from '../support/unfinished-upload.js'

/** How long a part waits for its answer, in ms: much longer than the machine needs to send it. */
const WAIT = 400
const isPart = ({ operation }: RecordedRequest): boolean => operation === 'UploadPart'
const late = (seen: RecordedRequest): Fault | undefined =>
  isPart(seen) ? { do: 'pass on late', until: sleep(WAIT) } : undefined

/**
 * A stream that continues an upload without parts, and so knows no round trip: how many parts are in flight depends on the
 * answers alone.
 */
async function continued(
  t: Test,
  concurrency: S3WritableOptions['concurrency'],
  options: Parameters<typeof scenario>[1],
): Promise<Scenario & { stream: S3Writable }> {
  const all = await scenario(t, options)
  const UploadId = await unfinishedUpload(all.client, all.Bucket, {})
  return { ...all, stream: all.upload({ concurrency, resume: { UploadId } }) }
}

/** The most parts that were on their way at the same time, among those that began in this stretch of all of them. */
function mostInFlight(proxy: FaultProxy, from = 0, to = Number.POSITIVE_INFINITY): number {
  const parts = proxy.of('UploadPart')
  const inFlight = parts.slice(from, to).map(({ startedAt }) => {
    const begun = parts.filter((one) => one.startedAt <= startedAt)
    return begun.filter(({ endedAt }) => endedAt === undefined || endedAt > startedAt).length
  })
  return Math.max(...inFlight)
}

t.test('more parts are sent at the same time where answers take long, and fewer after SlowDown', async (t) => {
  let slowDowns = 0
  const fault = (seen: RecordedRequest): Fault | undefined => {
    if (seen.PartNumber !== 28 || slowDowns++ > 0) return late(seen)
    return { do: 'answer', status: 503, body: '<Error><Code>SlowDown</Code><Message>Later</Message></Error>' }
  }
  const { stream, proxy } = await continued(t, { min: 2, max: 4 }, { fault })
  await pipeline(zeros(40 * P), stream)
  t.equal(mostInFlight(proxy, 0, 6), 3, 'at first two, and one more while another waits for its answer')
  t.equal(mostInFlight(proxy), 4)
  t.match(stream.result, { parts: 40, stats: { concurrency: 4 } })
  const after = proxy.of('UploadPart').findIndex(({ PartNumber, attempt }) => PartNumber === 28 && attempt === 2)
  t.ok(mostInFlight(proxy, after + 4) <= 3)
})

t.test('one more part is sent while another only waits for its answer, within the maximum', async (t) => {
  for (const [concurrency, most] of [
    [{ min: 1, max: 3 }, 2],
    [1, 1],
    [{ min: 1, max: 1 }, 1],
  ] as const) {
    const release = deferred()
    const fault = (seen: RecordedRequest): Fault | undefined =>
      isPart(seen) ? { do: 'pass on late', until: release.promise } : undefined
    const { stream, proxy } = await continued(t, concurrency, { fault })
    const done = pipeline(zeros(4 * P), stream)
    await proxy.waitFor({ PartNumber: most, complete: true })
    release.resolve()
    await done
    t.equal(mostInFlight(proxy), most)
    t.equal(stream.result?.stats.concurrency, most)
  }
})

t.test('no more parts are sent at the same time than the client has sockets, and the result says so', async (t) => {
  for (const [tls, concurrency] of [
    [false, { min: 1, max: 8 }],
    [true, { min: 4, max: 8 }],
  ] as const) {
    const agent = { maxSockets: 2 }
    const config = { requestHandler: { httpAgent: agent, httpsAgent: agent } }
    const { stream, proxy } = await continued(t, concurrency, { fault: late, tls, config })
    await pipeline(zeros(6 * P), stream)
    t.equal(mostInFlight(proxy), 2)
    t.match(stream.result?.stats, { concurrency: 2, maxSockets: 2 })
  }
})

t.test('sockets that are enough are not mentioned', async (t) => {
  const config = { requestHandler: { httpAgent: { maxSockets: 8 } } }
  const { stream } = await continued(t, { min: 1, max: 8 }, { config })
  await pipeline(zeros(3 * P), stream)
  t.notOk('maxSockets' in (stream.result?.stats ?? {}))
})

t.test('a long round trip lets the number grow before the first part is stored', async (t) => {
  const options: ProxyOptions = {
    fault: ({ operation }) => {
      if (operation === 'CreateMultipartUpload') return { do: 'hold', until: sleep(300) }
      return operation === 'UploadPart' ? { do: 'throttle', bytesPerSecond: 4 * MiB } : undefined
    },
  }
  const { upload, proxy } = await scenario(t, options)
  const stream = upload({ partSize: 2 * P, concurrency: { min: 1, max: 4 } })
  const done = pipeline(zeros(8 * P), stream)
  await proxy.waitFor({ PartNumber: 3 })
  t.equal(stream.bytesUploaded, 0)
  await done
  t.equal(stream.result?.stats.concurrency, 4)
})

t.test('a client whose sockets cannot be seen may have as many parts in flight as it likes', async (t) => {
  const { client, Bucket, proxy } = await scenario(t)
  const config = Object.create(client.config, { requestHandler: { value: undefined } })
  const other = { send: client.send.bind(client), config }
  const stream = s3Writable({ client: other, Bucket, Key: 'k', partSize: P, concurrency: { min: 2, max: 3 } })
  await pipeline(zeros(3 * P), stream)
  t.equal(proxy.of('UploadPart').length, 3)
  t.notOk('maxSockets' in (stream.result?.stats ?? {}))
})
