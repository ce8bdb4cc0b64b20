import t from 'tap'
import { type S3WritableOptions, type S3WritableResult, s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, KiB, MiB, P } from '../support/bytes.js'
import { type Answer, type SmallStore, s3Error, smallStore, xml } from '../support/small-store.js'

const SIZES = { PutObject: bytes(KiB), CompleteMultipartUpload: bytes(6 * MiB) }
type Operation = keyof typeof SIZES
const OPERATIONS = Object.keys(SIZES) as Operation[]
const COMPLETE = 'CompleteMultipartUpload'
const HOUR = 3_600_000

/** An upload whose last request is `operation`. */
async function sent(
  { client }: SmallStore,
  operation: Operation,
  options: Partial<S3WritableOptions> = {},
): Promise<S3WritableResult> {
  const place = { client, Bucket: 'b', Key: 'k', partSize: P }
  const upload = s3Writable({ ...place, ...options } as S3WritableOptions)
  upload.end(SIZES[operation])
  return await upload.done()
}

/** The first try at a request is answered in one way, and those after it in another. */
const inTurn =
  (first: Answer, later: Answer): Answer =>
  (asked) =>
    asked.seen.attempt === 1 ? first(asked) : later(asked)
const says =
  (status: number, Code: string): Answer =>
  ({ response }) =>
    s3Error(response, status, Code)
const page =
  (status: number): Answer =>
  ({ response }) =>
    response.writeHead(status, { server: 'a-balancer', 'content-type': 'text/html' }).end(HTML)
const HTML = '<html><head><title>Bad & worse</title></head><body>No <b>S3</body></html>'
const cut: Answer = ({ response }) => response.destroy()

/** Carries out what is asked for, and then answers in another way. */
function after(store: () => SmallStore, answer: Answer): Answer {
  return (asked) => {
    const { seen, body } = asked
    if (seen.operation === COMPLETE) store().complete('k')
    else store().put('k', body)
    return answer(asked)
  }
}

t.test('a try that S3 answered with SlowDown or ServiceUnavailable is not taken for the one that won', async (t) => {
  for (const operation of OPERATIONS) {
    for (const Code of ['SlowDown', 'ServiceUnavailable']) {
      // Another writer makes an object of the very same bytes between the two tries.
      const store: SmallStore = await smallStore(t, {
        [operation]: inTurn(
          after(() => store, says(503, Code)),
          says(412, 'PreconditionFailed'),
        ),
      })
      await t.rejects(sent(store, operation, { IfNoneMatch: '*' }), { name: 'PreconditionFailed', operation })
      t.equal(store.of('HeadObject').length, 0)
    }
  }
})

t.test('a try that had no answer, or an undecided one, is settled by the object', async (t) => {
  for (const operation of OPERATIONS) {
    for (const first of [cut, says(500, 'InternalError'), page(502), page(504)]) {
      const store: SmallStore = await smallStore(t, {
        [operation]: inTurn(
          after(() => store, first),
          says(412, 'PreconditionFailed'),
        ),
      })
      const { ETag } = await sent(store, operation, { IfNoneMatch: '*' })
      t.equal(ETag, store.objects.get('k')?.ETag)
    }
  }
})

t.test('an answer to Complete that S3 did not give is no refusal, however it looks', async (t) => {
  const answers: Answer[] = [
    page(408),
    page(403),
    page(404),
    ({ response }) => response.writeHead(408).end(),
    ({ response }) => response.writeHead(403).end(),
    ({ response }) => response.writeHead(200).end('<html>Please log in'),
    // A proxy repeated the request.
    says(404, 'NoSuchUpload'),
  ]
  for (const answer of answers) {
    const store: SmallStore = await smallStore(t, { [COMPLETE]: after(() => store, answer) })
    const { ETag } = await sent(store, COMPLETE)
    t.equal(ETag, store.objects.get('k')?.ETag)
    t.equal(store.of(COMPLETE).length, 1)
  }
})

t.test('what S3 refuses in its own words is refused, and nothing is looked for', async (t) => {
  for (const operation of OPERATIONS) {
    const store = await smallStore(t, { [operation]: says(403, 'AccessDenied') })
    await t.rejects(sent(store, operation), { name: 'AccessDenied', operation })
    t.equal(store.of('HeadObject').length, 0)
  }
})

t.test('an object that is older than the upload is not ours, by the clock of S3', async (t) => {
  for (const operation of OPERATIONS) {
    const old: Answer = (asked) => {
      after(() => store, cut)(asked)
      const object = store.objects.get('k')
      if (object !== undefined) object.LastModified = new Date(Date.now() + 10 * HOUR - 60_000)
    }
    const store: SmallStore = await smallStore(
      t,
      {
        [operation]: inTurn(old, operation === COMPLETE ? says(404, 'NoSuchUpload') : says(412, 'PreconditionFailed')),
      },
      {},
      // This store's clock is ahead of ours, so that our own would take the object for a new one.
      10 * HOUR,
    )
    await t.rejects(sent(store, operation, { IfNoneMatch: '*' }), { code: 'ERR_S3_REQUEST', operation })
  }
})

t.test('an object with other metadata is not ours', async (t) => {
  for (const operation of OPERATIONS) {
    for (const headers of [{ 'x-amz-meta-run': 'another' }, {}]) {
      const other: Answer = (asked) => {
        after(() => store, cut)(asked)
        Object.assign(store.objects.get('k') as object, { headers })
      }
      const store: SmallStore = await smallStore(t, { [operation]: inTurn(other, says(412, 'PreconditionFailed')) })
      const options = { IfNoneMatch: '*', Metadata: { Run: 'ours' } }
      await t.rejects(sent(store, operation, options), { name: 'PreconditionFailed' })
    }
  }
})

t.test('a store that tells no time is taken by its bytes, and by what was there before', async (t) => {
  const timeless: Answer = ({ response }) => {
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
    const lost = after(() => store, cut)
    store = await smallStore(t, {
      CreateMultipartUpload: timeless,
      [operation]: inTurn(lost, says(412, 'PreconditionFailed')),
      HeadObject: head,
    })
    t.equal((await sent(store, operation, { IfNoneMatch: '*' })).ETag, store.objects.get('k')?.ETag)
  }
})

t.test('an old object of the same bytes is not that of an upload that was begun at a time nobody tells', async (t) => {
  const data = SIZES[COMPLETE]
  for (const HeadObject of [undefined, inTurn(cut, () => 'as usual')]) {
    const store = await smallStore(
      t,
      { [COMPLETE]: inTurn(cut, says(404, 'NoSuchUpload')), ...(HeadObject && { HeadObject }) },
      { maxAttempts: 2 },
    )
    // Made by somebody else, before a lifecycle rule removes our upload.
    const parts = [data.subarray(0, P), data.subarray(P)]
    store.parts = new Map()
    for (const [at, part] of parts.entries()) store.part(at + 1, part)
    store.complete('k')
    store.parts = new Map()
    store.part(1, parts[0] as Buffer)
    await t.rejects(sent(store, COMPLETE, { resume: { UploadId: 'u1' } }), { name: 'NoSuchUpload' })
  }
})

t.test('a look before Complete that has no answer keeps nothing from being sent', async (t) => {
  const silent: Answer = () => new Promise(() => {})
  const store = await smallStore(t, { HeadObject: silent }, { maxAttempts: 1 })
  store.parts = new Map()
  store.part(1, SIZES[COMPLETE].subarray(0, P))
  const { skipped } = await sent(store, COMPLETE, { resume: { UploadId: 'u1' } })
  t.equal(skipped, P)
})

t.test('a store that works on behind a gateway that gave up is waited for', async (t) => {
  const store: SmallStore = await smallStore(
    t,
    {
      [COMPLETE]: (asked) => {
        setTimeout(() => store.complete('k'), 3000)
        return page(504)(asked)
      },
    },
    { maxAttempts: 1 },
  )
  t.equal((await sent(store, COMPLETE)).ETag, store.objects.get('k')?.ETag)
  t.equal(store.of('AbortMultipartUpload').length, 0)
})

t.test('a PutObject that is carried out a moment after its connection broke is a success', async (t) => {
  const store: SmallStore = await smallStore(
    t,
    {
      PutObject: ({ body, response }) => {
        setTimeout(() => store.put('k', body), 300)
        response.destroy()
      },
    },
    { maxAttempts: 1 },
  )
  t.equal((await sent(store, 'PutObject')).ETag, store.objects.get('k')?.ETag)
})

t.test('a client that runs no middleware of a command has its lost answers settled too', async (t) => {
  for (const [last, made] of [
    [cut, true],
    [says(404, 'NoSuchUpload'), true],
    [says(403, 'AccessDenied'), false],
  ] as const) {
    const store: SmallStore = await smallStore(
      t,
      { [COMPLETE]: made ? after(() => store, last) : last },
      { maxAttempts: 1 },
    )
    const { client } = store
    const wrapped = {
      config: client.config,
      send: (command: { constructor: unknown; input: object }, options: object) => {
        const Command = command.constructor as new (input: object) => never
        return client.send(new Command(command.input), options)
      },
    }
    const all = sent(store, COMPLETE, { client: wrapped })
    if (made) t.equal((await all).ETag, store.objects.get('k')?.ETag)
    else await t.rejects(all, { name: 'AccessDenied' })
  }
})

t.test('where the parts may not be listed, a proven object is enough', async (t) => {
  const store: SmallStore = await smallStore(
    t,
    {
      [COMPLETE]: after(() => store, cut),
      ListParts: says(403, 'AccessDenied'),
      AbortMultipartUpload: ({ response }) => response.writeHead(204).end(),
    },
    { maxAttempts: 1 },
  )
  t.equal((await sent(store, COMPLETE)).ETag, store.objects.get('k')?.ETag)
})

t.test('an object without a date is taken by its bytes', async (t) => {
  const store: SmallStore = await smallStore(t, {
    PutObject: inTurn(
      after(() => store, cut),
      says(412, 'PreconditionFailed'),
    ),
    HeadObject: ({ response }) => response.writeHead(200, { etag: String(store.objects.get('k')?.ETag) }).end(),
  })
  t.equal((await sent(store, 'PutObject')).ETag, store.objects.get('k')?.ETag)
})

t.test('where the upload cannot be removed either, it stays open whether the object is there', async (t) => {
  const store = await smallStore(
    t,
    { [COMPLETE]: cut, AbortMultipartUpload: says(403, 'AccessDenied') },
    { maxAttempts: 1 },
  )
  t.match(await failureOf(sent(store, COMPLETE)), { operation: COMPLETE, objectMayExist: true, cleanupError: Error })
})

t.test('after a lost answer the result has what HeadObject tells', async (t) => {
  const told = {
    'x-amz-version-id': 'v7',
    'x-amz-expiration': 'expiry-date="Fri, 01 Jan 2027 00:00:00 GMT", rule-id="r"',
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:us-east-1:1:key/k',
    'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=',
  }
  for (const operation of OPERATIONS) {
    const lost: Answer = (asked) => {
      after(() => store, cut)(asked)
      Object.assign(store.objects.get('k') as object, { headers: told })
    }
    const store: SmallStore = await smallStore(t, {
      [operation]: inTurn(lost, says(412, 'PreconditionFailed')),
    })
    t.match(await sent(store, operation), {
      VersionId: 'v7',
      Expiration: told['x-amz-expiration'],
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: 'arn:aws:kms:us-east-1:1:key/k',
      ChecksumCRC64NVME: 'AAAAAAAAAAA=',
    })
  }
})

t.test('HeadObject is asked first, and again where it has no answer', async (t) => {
  for (const operation of OPERATIONS) {
    const store: SmallStore = await smallStore(
      t,
      {
        [operation]: after(() => store, cut),
        HeadObject: ({ seen, response }) => (seen.attempt <= 4 ? response.destroy() : 'as usual'),
      },
      { maxAttempts: 1 },
    )
    const { ETag } = await sent(store, operation)
    t.equal(ETag, store.objects.get('k')?.ETag)
    t.equal(store.of('HeadObject').length, 5)
    t.equal(store.of('AbortMultipartUpload').length, 0)
  }
})

t.test('where HeadObject is never answered, the error says that the object may be there', async (t) => {
  const open = async (operation: Operation): Promise<void> => {
    const silent = { [operation]: cut, HeadObject: cut, ListParts: cut }
    const store: SmallStore = await smallStore(t, silent, { maxAttempts: 1 })
    await t.rejects(sent(store, operation), {
      code: 'ERR_S3_REQUEST',
      operation,
      objectMayExist: true,
      message: /Whether S3 made the object could not be found out: it may be there/,
      stack: /it may be there/,
    })
    t.equal(store.of('AbortMultipartUpload').length, 0)
  }
  // Each takes all of its 30 s.
  await Promise.all(OPERATIONS.map(open))
})

t.test('where HeadObject is refused, the first error stands and says so', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: inTurn(cut, says(404, 'NoSuchUpload')),
    HeadObject: ({ response }) => response.writeHead(403).end(),
  })
  await t.rejects(sent(store, COMPLETE), {
    name: 'NoSuchUpload',
    message: /HeadObject is refused, so the object may be there$/,
  })
})

t.test('a PutObject that never had all its bytes, or no connection, made nothing', async (t) => {
  const store = await smallStore(t)
  store.close()
  await t.rejects(sent(store, 'PutObject'), { code: 'ERR_S3_REQUEST', cause: { code: 'ECONNREFUSED' } })
})

t.test('an error page is told as what it is, without the words of an XML parser', async (t) => {
  for (const [answer, message] of [
    [page(502), /PutObject failed\. NotAnS3Answer: HTTP 502 from a-balancer, not an S3 answer: "Bad & worse"/],
    [
      (({ response }) => response.writeHead(504).end('upstream\ntimed out')) as Answer,
      /HTTP 504 from a server that does not name itself, not an S3 answer: "upstream timed out"/,
    ],
  ] as const) {
    const store = await smallStore(t, { PutObject: answer, HeadObject: says(404, '') }, { maxAttempts: 2 })
    await t.rejects(sent(store, 'PutObject'), { message, $metadata: { attempts: 2 } })
    t.equal(store.of('PutObject').length, 2, 'the client tries again, as the status says')
  }
  // The client waits for as long as a page asks.
  const busy = await smallStore(t, {
    PutObject: ({ seen, response }) =>
      seen.attempt > 1 ? 'as usual' : response.writeHead(503, { 'retry-after': '1' }).end('busy'),
  })
  await sent(busy, 'PutObject')
  const [first, second] = busy.of('PutObject')
  t.ok(Number(second?.startedAt) - Number(first?.startedAt) > 900)
  const html: Answer = ({ response }) => xml(response, 200, HTML)
  const store = await smallStore(t, { CreateMultipartUpload: html }, { maxAttempts: 1 })
  await t.rejects(sent(store, COMPLETE), { message: /CreateMultipartUpload failed\. NotAnS3Answer: HTTP 200 from/ })
})
