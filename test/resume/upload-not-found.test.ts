import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { abortUpload, resumePoint, type S3WritableOptions } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, MiB, P, pieces, sha256 } from '../support/bytes.js'
import { denied, type Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { type Scenario, scenario } from '../support/scenario.js'
import { s3Client, stored, unfinishedUploads } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

const DATA = bytes(3 * P + 1000)
const source = (data = DATA): Readable =>
  Readable.from(
    pieces(data, () => 1 * MiB),
    { objectMode: false },
  )

/** Completes an upload, so that the upload no longer exists and its object does. */
async function completedUpload(
  t: Test,
  options: Partial<S3WritableOptions> = {},
  fault: (seen: RecordedRequest) => Fault | undefined = () => undefined,
): Promise<Scenario & { UploadId: string }> {
  const context = await scenario(t, { fault })
  const first = context.upload(options)
  await pipeline(source(), first)
  return { ...context, UploadId: first.UploadId as string }
}

t.test('resuming an aborted upload is an error that says that there is no object', async (t) => {
  const { client, Bucket, upload, fails } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1))
  await abortUpload({ client, Bucket, Key: 'k', UploadId })
  const message = `s3://${Bucket}/k: there is no upload ${UploadId} any more: it was completed, aborted, or removed as too old. There is no object of this key`
  const expected = { code: 'ERR_S3_RESUME', name: 'NoSuchUpload', UploadId, message }
  await fails(pipeline(source(), upload({ resume: { UploadId } })), expected)
  await fails(resumePoint({ client, Bucket, Key: 'k', UploadId }), expected)
})

t.test('resume: true without an unfinished upload is an error', async (t) => {
  const { client, Bucket, upload, fails } = await scenario(t)
  const message = /there is no unfinished upload of this key: .* or never begun\. There is no object of this key$/
  await fails(pipeline(source(), upload({ resume: true })), { code: 'ERR_S3_RESUME', message })
  await fails(resumePoint({ client, Bucket, Key: 'k' }), { code: 'ERR_S3_RESUME', message })
})

t.test('resuming a completed upload is an error that says that the object has the same bytes', async (t) => {
  for (const options of [{}, { ChecksumType: 'FULL_OBJECT' }, { partSize: 6 * MiB }] as const) {
    const { client, Bucket, upload, UploadId } = await completedUpload(t, options)
    const old = await stored(Bucket, 'k')
    const message = new RegExp(
      `An object of ${DATA.length} bytes exists, last modified 20.*Z\\. It holds exactly the bytes that were written: the upload was completed`,
    )
    for (const resume of [{ UploadId }, true] as const) {
      const stream = upload({ resume })
      t.match(await failureOf(pipeline(source(), stream)), { code: 'ERR_S3_RESUME', message })
      t.same([stream.UploadId, stream.bytesUploaded, stream.result], [undefined, 0, undefined])
    }
    const point = await failureOf(resumePoint({ client, Bucket, Key: 'k', UploadId }))
    t.match(point, { code: 'ERR_S3_RESUME', message: new RegExp(`An object of ${DATA.length} bytes exists`) })
    t.same(await stored(Bucket, 'k'), old)
    t.same(await unfinishedUploads(Bucket), [])
  }
})

t.test('the error does not claim that an object of other bytes is the upload’s', async (t) => {
  const { upload, Bucket, UploadId } = await completedUpload(t)
  const old = { sha256: sha256(DATA), size: DATA.length }
  for (const other of [bytes(DATA.length, 2), DATA.subarray(1), DATA.subarray(0, 2 * P), DATA.subarray(0, 0)]) {
    const error = await failureOf(pipeline(source(other), upload({ resume: { UploadId } })))
    const message = new RegExp(`It is not proven to hold the ${other.length} bytes that were written$`)
    t.match(error, { code: 'ERR_S3_RESUME', message })
  }
  const text = await failureOf(pipeline(Readable.from(['some text']), upload({ resume: { UploadId } })))
  t.match(text, { code: 'ERR_S3_RESUME', message: /hold the 9 bytes that were written$/ })
  t.same(await stored(Bucket, 'k'), old)
})

t.test('if the object cannot be compared, the error comes at once, without reading the source', async (t) => {
  const { upload, Bucket, UploadId } = await completedUpload(t)
  for (const [options, message] of [
    [
      { resume: { UploadId }, ContentLength: 5 },
      /bytes exists, last modified .*\. It is not the object of this upload, because ContentLength is 5$/,
    ],
    [{ resume: { UploadId, offset: P, parts: 1, partSize: P } }, /bytes exists, last modified 20.*Z$/],
  ] as const) {
    const stream = upload(options)
    t.match(await failureOf(stream.done()), { code: 'ERR_S3_RESUME', message })
  }
  t.equal((await stored(Bucket, 'k')).size, DATA.length)
})

t.test('an object that was made by PutObject is compared too', async (t) => {
  const { upload, Bucket } = await scenario(t)
  const small = DATA.subarray(0, P)
  await pipeline(source(small), upload())
  for (const [data, message] of [
    [small, /It holds exactly the bytes that were written/],
    [DATA, /It is not proven to hold/],
  ] as const) {
    const error = await failureOf(pipeline(source(data), upload({ resume: { UploadId: 'missing' } })))
    t.match(error, { code: 'ERR_S3_RESUME', message })
  }
  t.equal((await stored(Bucket, 'k')).size, P)
})

t.test('a source that needs more than maxParts parts fails with the same error as in a new upload', async (t) => {
  const { upload, Bucket } = await scenario(t)
  await pipeline(source(DATA.subarray(0, P)), upload())
  const error = await failureOf(pipeline(source(DATA), upload({ resume: { UploadId: 'missing' }, maxParts: 1 })))
  t.match(error, { code: 'ERR_S3_TOO_MANY_PARTS', Bucket, message: /^s3:.*k: the stream is longer than one part of / })
})

t.test('the error says if HeadObject is denied', async (t) => {
  const fault = ({ operation }: RecordedRequest) => (operation === 'HeadObject' ? denied : undefined)
  const { upload, UploadId } = await completedUpload(t, {}, fault)
  const error = await failureOf(upload({ resume: { UploadId } }).done())
  t.match(error, { code: 'ERR_S3_RESUME', message: /removed as too old\. s3:.*HeadObject failed/ })
})

t.test('if ListParts is denied, the stream fails and the upload is left', async (t) => {
  const { client, Bucket, upload } = await scenario(t, {
    fault: ({ operation, attempt }) => (operation === 'ListParts' && attempt === 1 ? denied : undefined),
  })
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1))
  const error = await failureOf(upload({ resume: { UploadId } }).done())
  t.match(error, { code: 'ERR_S3_REQUEST', name: 'AccessDenied', operation: 'ListParts', UploadId })
  t.match(await unfinishedUploads(Bucket), [{ UploadId }])
  await pipeline(source(), upload({ resume: { UploadId } }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('destroy during the comparison sends no request', async (t) => {
  const { upload, Bucket, UploadId, proxy } = await completedUpload(t)
  const stream = upload({ resume: { UploadId } })
  const ended = failureOf(stream.done())
  await new Promise((resolve) => stream.write(bytes(P), resolve))
  const error = new Error('not after all')
  proxy.seen.length = 0
  stream.destroy(error)
  t.equal(await ended, error)
  t.same(proxy.seen, [])
  t.equal((await stored(Bucket, 'k')).size, DATA.length)
})

t.test('resume: true does not resume the upload of another account', async (t) => {
  const ours = 'arn:aws:sts::111122223333:assumed-role/app/1'
  const theirs = 'arn:aws:iam::999988887777:user/other'
  let initiator = ''
  const { Bucket, upload, client } = await scenario(t, {
    config: {
      credentials: {
        accessKeyId: process.env.AWS_ACCESS_KEY_ID ?? '',
        secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? '',
        accountId: '111122223333',
      },
    },
    fault: ({ operation }) => {
      if (operation !== 'ListMultipartUploads') return undefined
      const body = (xml: string): string =>
        xml.replace(/<Initiator>.*?<\/Initiator>/s, `<Initiator><ID>${initiator}</ID></Initiator>`)
      return { do: 'rewrite', body }
    },
  })
  await unfinishedUpload(client, Bucket, partsOf(DATA, 1))
  initiator = theirs
  const error = await failureOf(upload({ resume: true }).done())
  t.match(error, { code: 'ERR_S3_RESUME', message: /there is no unfinished upload of this key/ })
  initiator = ours
  t.equal((await resumePoint({ client, Bucket, Key: 'k' })).parts, 1)
  // If the account of the client is unknown, the initiator is not compared.
  initiator = theirs
  const credentials = async () => ({ accessKeyId: '', secretAccessKey: '' })
  for (const config of [{ credentials }, {}]) {
    const unknownAccount = { config, send: (command: never) => client.send(command) as Promise<unknown> }
    t.equal((await resumePoint({ client: unknownAccount, Bucket, Key: 'k' })).parts, 1)
  }
  await pipeline(source(), upload({ client: s3Client(t), resume: true }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})
