import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { resumePoint } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { multipartETag, P, sha256 } from '../support/bytes.js'
import type { Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { DATA, remainingBytes } from '../support/resumed-upload.js'
import { scenario } from '../support/scenario.js'
import { minio, stored } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

/** Loses the answers to the first requests for the object, as many as `count`, and to every Complete. */
const losing =
  (count: number) =>
  ({ operation, attempt }: RecordedRequest): Fault | undefined => {
    if (operation === 'HeadObject' && attempt <= count) return { do: 'drop answer' }
    return operation === 'CompleteMultipartUpload' ? { do: 'cut answer' } : undefined
  }

t.test('the object from before Complete is asked for until there is an answer', async (t) => {
  const { client, Bucket, upload } = await scenario(t, { fault: losing(3) })
  await minio.putObject(Bucket, 'k', 'old')
  await unfinishedUpload(client, Bucket, partsOf(DATA, 1))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  const stream = upload({ resume: point })
  await pipeline(remainingBytes(point), stream)
  t.equal(stream.result?.ETag, multipartETag(DATA, P))
})

t.test(
  'if the object from before Complete stays unknown, and Complete’s answer is lost, the object may exist',
  async (t) => {
    let hasCompleted = false
    const { client, Bucket, upload } = await scenario(t, {
      fault: (seen) => {
        hasCompleted ||= seen.operation === 'CompleteMultipartUpload'
        return losing(hasCompleted ? 0 : Number.POSITIVE_INFINITY)(seen)
      },
    })
    await minio.putObject(Bucket, 'k', 'old')
    await unfinishedUpload(client, Bucket, partsOf(DATA, 1))
    const point = await resumePoint({ client, Bucket, Key: 'k' })
    const error = await failureOf(pipeline(remainingBytes(point), upload({ resume: point })))
    t.match(error, { operation: 'CompleteMultipartUpload', objectMayExist: true, message: /may exist/ })
    t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
  },
)
