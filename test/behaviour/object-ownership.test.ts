import t from 'tap'
import { P } from '../support/bytes.js'
import {
  COMPLETE,
  carryOutThen,
  closeConnection,
  DATA,
  errorAnswer,
  firstThen,
  OPERATIONS,
  uploadBy,
} from '../support/object-requests.js'
import { type Answer, type SmallStore, smallStore } from '../support/small-store.js'

const HOUR = 3_600_000

t.test('an object that is older than the upload, by S3’s clock, is not the stream’s', async (t) => {
  for (const operation of OPERATIONS) {
    const makeOldObject: Answer = (exchange) => {
      carryOutThen(() => store, closeConnection)(exchange)
      const object = store.objects.get('k')
      if (object !== undefined) object.LastModified = new Date(Date.now() + 10 * HOUR - 60_000)
    }
    const store: SmallStore = await smallStore(
      t,
      {
        [operation]: firstThen(
          makeOldObject,
          operation === COMPLETE ? errorAnswer(404, 'NoSuchUpload') : errorAnswer(412, 'PreconditionFailed'),
        ),
      },
      {},
      // The store's clock is ahead: judged by the local clock, the object would be new.
      10 * HOUR,
    )
    await t.rejects(uploadBy(operation, store, { IfNoneMatch: '*' }), { code: 'ERR_S3_REQUEST', operation })
  }
})

t.test('an object with other metadata is not the stream’s', async (t) => {
  for (const operation of OPERATIONS) {
    for (const headers of [{ 'x-amz-meta-run': 'another' }, {}]) {
      const makeOtherObject: Answer = (exchange) => {
        carryOutThen(() => store, closeConnection)(exchange)
        Object.assign(store.objects.get('k') as object, { headers })
      }
      const store: SmallStore = await smallStore(t, {
        [operation]: firstThen(makeOtherObject, errorAnswer(412, 'PreconditionFailed')),
      })
      const options = { IfNoneMatch: '*', Metadata: { Run: 'ours' } }
      await t.rejects(uploadBy(operation, store, options), { name: 'PreconditionFailed' })
    }
  }
})

t.test('without a Date header, the object is recognized by its ETag and by its absence before', async (t) => {
  const withoutDate: Answer = ({ response }) => {
    response.removeHeader('date')
    response.sendDate = false
    return 'as usual'
  }
  const head: Answer = ({ response }) => {
    const object = store.objects.get('k')
    const headers = object && { etag: object.ETag, 'content-length': object.size }
    response.removeHeader('date')
    response.sendDate = false
    response.writeHead(object === undefined ? 404 : 200, headers).end()
  }
  let store: SmallStore
  for (const operation of OPERATIONS) {
    const lostAnswer = carryOutThen(() => store, closeConnection)
    store = await smallStore(t, {
      CreateMultipartUpload: withoutDate,
      [operation]: firstThen(lostAnswer, errorAnswer(412, 'PreconditionFailed')),
      HeadObject: head,
    })
    t.equal((await uploadBy(operation, store, { IfNoneMatch: '*' })).ETag, store.objects.get('k')?.ETag)
  }
})

t.test('an object without LastModified is recognized by its ETag', async (t) => {
  const store: SmallStore = await smallStore(t, {
    PutObject: firstThen(
      carryOutThen(() => store, closeConnection),
      errorAnswer(412, 'PreconditionFailed'),
    ),
    HeadObject: ({ response }) => response.writeHead(200, { etag: String(store.objects.get('k')?.ETag) }).end(),
  })
  t.equal((await uploadBy('PutObject', store)).ETag, store.objects.get('k')?.ETag)
})

t.test('an old object of the same bytes is not the resumed upload’s if the upload’s start is unknown', async (t) => {
  const data = DATA[COMPLETE]
  for (const HeadObject of [undefined, firstThen(closeConnection, () => 'as usual')]) {
    const store = await smallStore(
      t,
      { [COMPLETE]: firstThen(closeConnection, errorAnswer(404, 'NoSuchUpload')), ...(HeadObject && { HeadObject }) },
      { maxAttempts: 2 },
    )
    // Another writer makes the object, and then a lifecycle rule removes the upload.
    const parts = [data.subarray(0, P), data.subarray(P)]
    store.parts = new Map()
    for (const [at, part] of parts.entries()) store.part(at + 1, part)
    store.complete('k')
    store.parts = new Map()
    store.part(1, parts[0] as Buffer)
    await t.rejects(uploadBy(COMPLETE, store, { resume: { UploadId: 'u1' } }), { name: 'NoSuchUpload' })
  }
})

t.test('a HeadObject before Complete that is never answered does not prevent Complete', async (t) => {
  const neverAnswer: Answer = () => new Promise(() => {})
  const store = await smallStore(t, { HeadObject: neverAnswer }, { maxAttempts: 1 })
  store.parts = new Map()
  store.part(1, DATA[COMPLETE].subarray(0, P))
  const { skipped } = await uploadBy(COMPLETE, store, { resume: { UploadId: 'u1' } })
  t.equal(skipped, P)
})

t.test('if ListParts is refused, an object with the right ETag is enough', async (t) => {
  const store: SmallStore = await smallStore(
    t,
    {
      [COMPLETE]: carryOutThen(() => store, closeConnection),
      ListParts: errorAnswer(403, 'AccessDenied'),
      AbortMultipartUpload: ({ response }) => response.writeHead(204).end(),
    },
    { maxAttempts: 1 },
  )
  t.equal((await uploadBy(COMPLETE, store)).ETag, store.objects.get('k')?.ETag)
})

t.test('after a lost answer the result has the fields of HeadObject’s answer', async (t) => {
  const headers = {
    'x-amz-version-id': 'v7',
    'x-amz-expiration': 'expiry-date="Fri, 01 Jan 2027 00:00:00 GMT", rule-id="r"',
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:us-east-1:1:key/k',
    'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=',
  }
  for (const operation of OPERATIONS) {
    const makeObject: Answer = (exchange) => {
      carryOutThen(() => store, closeConnection)(exchange)
      Object.assign(store.objects.get('k') as object, { headers })
    }
    const store: SmallStore = await smallStore(t, {
      [operation]: firstThen(makeObject, errorAnswer(412, 'PreconditionFailed')),
    })
    t.match(await uploadBy(operation, store), {
      VersionId: 'v7',
      Expiration: headers['x-amz-expiration'],
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: 'arn:aws:kms:us-east-1:1:key/k',
      ChecksumCRC64NVME: 'AAAAAAAAAAA=',
    })
  }
})
