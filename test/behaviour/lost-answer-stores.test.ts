/** An answer to Complete that is lost, in stores whose ETags or listings follow rules of their own. */
import t from 'tap'
import { failureOf } from '../support/assertions.js'
import { bytes } from '../support/bytes.js'
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
import { type Answer, listsPart, type SmallObject, type SmallStore, smallStore, xml } from '../support/small-store.js'

const once = { maxAttempts: 1 }

/** Makes the object, with this change, and closes the connection. */
const makeThenClose =
  (store: () => SmallStore, change: Partial<SmallObject> = {}): Answer =>
  (exchange) => {
    carryOutThen(store, closeConnection)(exchange)
    Object.assign(store().objects.get('k') as SmallObject, change)
  }

// OpenStack Swift lists the parts of a completed upload for ever. Its answer to Abort says that there is no such upload.
t.test('a store that lists the parts of a completed upload for ever has made the object', async (t) => {
  for (const leavePartsOnError of [false, true]) {
    const store: SmallStore = await smallStore(
      t,
      { [COMPLETE]: makeThenClose(() => store), ListParts: listsPart },
      once,
    )
    const { ETag } = await uploadBy(COMPLETE, store, { leavePartsOnError })
    t.equal(ETag, store.objects.get('k')?.ETag)
    t.equal(store.of('AbortMultipartUpload').length, leavePartsOnError ? 0 : 2)
    t.equal(store.of('ListMultipartUploads').length, leavePartsOnError ? 1 : 0)
  }
})

t.test('if that store has another object, the first error is kept, and no clean-up fails', async (t) => {
  const store: SmallStore = await smallStore(
    t,
    {
      [COMPLETE]: (exchange) => {
        carryOutThen(() => store, closeConnection)(exchange)
        store.put('k', bytes(5))
      },
      ListParts: listsPart,
    },
    once,
  )
  const error = await failureOf(uploadBy(COMPLETE, store))
  t.match(error, { code: 'ERR_S3_REQUEST', operation: COMPLETE })
  t.notMatch(error, { objectMayExist: true })
  t.notOk('cleanupError' in error)
})

t.test('with leavePartsOnError, an upload that is still listed, or cannot be listed, leaves it open', async (t) => {
  const listings: Answer[] = [
    ({ response }) =>
      xml(
        response,
        200,
        '<R><Upload><Key>k</Key><UploadId>u0</UploadId></Upload><Upload><Key>k</Key><UploadId>u1</UploadId></Upload></R>',
      ),
    errorAnswer(403, 'AccessDenied'),
  ]
  for (const ListMultipartUploads of listings) {
    const store: SmallStore = await smallStore(
      t,
      { [COMPLETE]: makeThenClose(() => store), ListParts: listsPart, ListMultipartUploads },
      once,
    )
    const error = await failureOf(uploadBy(COMPLETE, store, { leavePartsOnError: true }))
    t.match(error, { operation: COMPLETE, objectMayExist: true })
    t.equal(store.of('AbortMultipartUpload').length, 0)
  }
})

t.test('an ETag in capitals proves as much as one in small letters', async (t) => {
  for (const operation of OPERATIONS) {
    const store: SmallStore = await smallStore(t, {
      [operation]: firstThen(
        (exchange) => {
          carryOutThen(() => store, closeConnection)(exchange)
          const object = store.objects.get('k') as SmallObject
          object.ETag = object.ETag.toUpperCase()
        },
        errorAnswer(412, 'PreconditionFailed'),
      ),
    })
    const { ETag } = await uploadBy(operation, store, { IfNoneMatch: '*' })
    t.match(ETag, /^"[0-9A-F]{32}(-2)?"$/)
  }
})

/** The ETag that rclone gives to an object in parts: the MD5 of all bytes, which is not known here. */
const ETag = `"${'0123456789abcdef'.repeat(2)}"`

t.test('without a checksum and an ETag by AWS’s rule, size and time show that the object was made', async (t) => {
  for (const leavePartsOnError of [false, true]) {
    const store: SmallStore = await smallStore(t, { [COMPLETE]: makeThenClose(() => store, { ETag }) }, once)
    t.match(await uploadBy(COMPLETE, store, { leavePartsOnError }), { ETag, size: DATA[COMPLETE].length, parts: 2 })
  }
  // The second attempt finds no upload.
  const retried: SmallStore = await smallStore(t, {
    [COMPLETE]: firstThen(
      makeThenClose(() => retried, { ETag }),
      errorAnswer(404, 'NoSuchUpload'),
    ),
  })
  t.match(await uploadBy(COMPLETE, retried), { ETag })
})

t.test('size and time show nothing if anything else speaks against the object', async (t) => {
  const minuteAgo = new Date(Date.now() - 60_000)
  const crc = { 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=', 'x-amz-checksum-type': 'FULL_OBJECT' }
  const changes: [string, Partial<SmallObject>, object][] = [
    ['an ETag of AWS’s form is another one', { ETag: `"${'0'.repeat(32)}-2"` }, {}],
    ['the size is another one', { ETag, size: 5 }, {}],
    ['the object is older than the upload', { ETag, LastModified: minuteAgo }, {}],
    ['the object was there shortly before the upload', { ETag, LastModified: new Date(Date.now() - 10_000) }, {}],
    ['the store reports a checksum, as AWS does for every object', { ETag, headers: crc }, {}],
    ['the metadata is another writer’s', { ETag }, { Metadata: { run: '7' } }],
    ['the caller expects other writers', { ETag }, { IfNoneMatch: '*' }],
    ['the caller expects other writers', { ETag }, { IfMatch: '"x"' }],
    ['there is no ETag', { ETag: '' }, {}],
  ]
  for (const [why, change, options] of changes) {
    const store: SmallStore = await smallStore(t, { [COMPLETE]: makeThenClose(() => store, change) }, once)
    await t.rejects(uploadBy(COMPLETE, store, options), { code: 'ERR_S3_REQUEST', operation: COMPLETE }, why)
  }
})

t.test(
  'with WHEN_REQUIRED, size and time show nothing either if the store reports a checksum when asked',
  async (t) => {
    const store: SmallStore = await smallStore(
      t,
      {
        [COMPLETE]: makeThenClose(() => store, { ETag }),
        HeadObject: ({ seen, response }) => {
          if (seen.headers['x-amz-checksum-mode'] === 'ENABLED') {
            response
              .setHeader('x-amz-checksum-crc64nvme', 'AAAAAAAAAAA=')
              .setHeader('x-amz-checksum-type', 'FULL_OBJECT')
          }
          return 'as usual'
        },
      },
      { ...once, requestChecksumCalculation: 'WHEN_REQUIRED' },
    )
    await t.rejects(uploadBy(COMPLETE, store), { code: 'ERR_S3_REQUEST', operation: COMPLETE })
  },
)

t.test('size and time show nothing if every Complete was answered, or the upload still exists', async (t) => {
  const answered: SmallStore = await smallStore(t, {
    [COMPLETE]: (exchange) => {
      carryOutThen(() => answered, errorAnswer(404, 'NoSuchUpload'))(exchange)
      Object.assign(answered.objects.get('k') as SmallObject, { ETag })
    },
  })
  await t.rejects(uploadBy(COMPLETE, answered), { name: 'NoSuchUpload' })
  const exists: SmallStore = await smallStore(
    t,
    {
      [COMPLETE]: (exchange) => {
        const { parts } = exists
        makeThenClose(() => exists, { ETag })(exchange)
        exists.parts = parts
      },
    },
    once,
  )
  await t.rejects(uploadBy(COMPLETE, exists), { code: 'ERR_S3_REQUEST', operation: COMPLETE })
  t.equal(exists.parts, undefined, 'the upload is removed')
})

t.test('size and time show nothing if the stream may have removed the upload itself', async (t) => {
  // Complete does not arrive, another writer stores an object of the same size, and the answer to Abort is lost.
  const store: SmallStore = await smallStore(t, {
    [COMPLETE]: (exchange) => {
      const object = store.put('k', Buffer.alloc(DATA[COMPLETE].length))
      object.ETag = ETag
      closeConnection(exchange)
    },
    AbortMultipartUpload: (exchange) => {
      if (exchange.seen.attempt > 1) return 'as usual'
      store.parts = undefined
      return closeConnection(exchange)
    },
  })
  await t.rejects(uploadBy(COMPLETE, store), { code: 'ERR_S3_REQUEST', operation: COMPLETE })
  t.equal(store.objects.get('k')?.ETag, ETag)
})

t.test('without the time of the upload, size and time show nothing', async (t) => {
  const withoutDate: Answer = ({ response }) => {
    response.removeHeader('date')
    response.sendDate = false
    return 'as usual'
  }
  const store: SmallStore = await smallStore(
    t,
    { CreateMultipartUpload: withoutDate, [COMPLETE]: makeThenClose(() => store, { ETag }) },
    once,
  )
  await t.rejects(uploadBy(COMPLETE, store), { code: 'ERR_S3_REQUEST', operation: COMPLETE })
})

t.test('a resumed upload is recognized by the change of the object, if its start is not known', async (t) => {
  const data = DATA[COMPLETE]
  const resumed = async (existing: boolean): Promise<SmallStore> => {
    const store: SmallStore = await smallStore(t, { [COMPLETE]: makeThenClose(() => store, { ETag }) }, once)
    if (existing) store.put('k', data)
    store.parts = new Map()
    store.part(1, data.subarray(0, 5 * 1024 * 1024))
    return store
  }
  for (const existing of [false, true]) {
    t.match(await uploadBy(COMPLETE, await resumed(existing), { resume: { UploadId: 'u1' } }), { ETag })
  }
})

t.test('the ETag of the listed ETags proves an object under a customer’s key', async (t) => {
  // Ceph 16: the ETags of the parts are no MD5s of the bytes sent, and Complete is answered without an ETag.
  let part = 0
  const store: SmallStore = await smallStore(t, {
    UploadPart: ({ seen, response }) => {
      const { ETag } = store.part(seen.PartNumber as number, bytes(100, ++part))
      response.writeHead(200, { etag: ETag, 'x-amz-server-side-encryption-customer-algorithm': 'AES256' }).end()
    },
    [COMPLETE]: ({ response }) => {
      store.complete('k').size = DATA[COMPLETE].length
      xml(response, 200, '<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>')
    },
  })
  const encryption = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k'.repeat(32) }
  t.equal((await uploadBy(COMPLETE, store, encryption)).ETag, store.objects.get('k')?.ETag)
})
