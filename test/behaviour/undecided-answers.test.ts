import t from 'tap'
import { failureOf } from '../support/assertions.js'
import { bytes } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import {
  COMPLETE,
  carryOutThen,
  closeConnection,
  errorAnswer,
  firstThen,
  HTML,
  htmlAnswer,
  OPERATIONS,
  uploadBy,
} from '../support/object-requests.js'
import { type Answer, type SmallStore, smallStore, xml } from '../support/small-store.js'

t.test('an attempt that S3 answered with SlowDown or ServiceUnavailable cannot have made the object', async (t) => {
  for (const operation of OPERATIONS) {
    for (const Code of ['SlowDown', 'ServiceUnavailable']) {
      // The object is that of another writer, who writes the same bytes between the two attempts.
      const store: SmallStore = await smallStore(t, {
        [operation]: firstThen(
          (exchange) => {
            const { parts } = store
            carryOutThen(() => store, errorAnswer(503, Code))(exchange)
            store.parts = parts
          },
          errorAnswer(412, 'PreconditionFailed'),
        ),
      })
      await t.rejects(uploadBy(operation, store, { IfNoneMatch: '*' }), { name: 'PreconditionFailed', operation })
      t.equal(store.of('HeadObject').length, operation === COMPLETE ? 1 : 0)
      t.equal(store.of('AbortMultipartUpload').length, operation === COMPLETE ? 1 : 0)
    }
  }
})

t.test('after an attempt without an answer, or with an undecided one, HeadObject finds the object', async (t) => {
  for (const operation of OPERATIONS) {
    for (const first of [closeConnection, errorAnswer(500, 'InternalError'), htmlAnswer(502), htmlAnswer(504)]) {
      const store: SmallStore = await smallStore(t, {
        [operation]: firstThen(
          carryOutThen(() => store, first),
          errorAnswer(412, 'PreconditionFailed'),
        ),
      })
      const { ETag } = await uploadBy(operation, store, { IfNoneMatch: '*' })
      t.equal(ETag, store.objects.get('k')?.ETag)
    }
  }
})

t.test('an error answer to Complete that is not S3’s own does not mean that there is no object', async (t) => {
  const answers: Answer[] = [
    htmlAnswer(408),
    htmlAnswer(403),
    htmlAnswer(404),
    ({ response }) => response.writeHead(408).end(),
    ({ response }) => response.writeHead(403).end(),
    ({ response }) => response.writeHead(200).end('<html>Please log in'),
    // This is S3's answer if a proxy repeated the request.
    errorAnswer(404, 'NoSuchUpload'),
  ]
  for (const answer of answers) {
    const store: SmallStore = await smallStore(t, { [COMPLETE]: carryOutThen(() => store, answer) })
    const { ETag } = await uploadBy(COMPLETE, store)
    t.equal(ETag, store.objects.get('k')?.ETag)
    t.equal(store.of(COMPLETE).length, 1)
  }
})

t.test('a Complete that a balancer, or the http of Deno, repeated by itself has made the object', async (t) => {
  // The second one is answered; the stream knows of one attempt. The first one ends the upload.
  const repeated: SmallStore = await smallStore(t, {
    [COMPLETE]: carryOutThen(() => repeated, errorAnswer(412, 'PreconditionFailed')),
  })
  t.equal((await uploadBy(COMPLETE, repeated, { IfNoneMatch: '*' })).ETag, repeated.objects.get('k')?.ETag)
  t.equal(repeated.of(COMPLETE).length, 1)
  // The object is that of another writer, who has written the same bytes: the upload still exists.
  const failed: SmallStore = await smallStore(t, {
    [COMPLETE]: (exchange) => {
      const { parts } = failed
      carryOutThen(() => failed, errorAnswer(412, 'PreconditionFailed'))(exchange)
      failed.parts = parts
    },
  })
  await t.rejects(uploadBy(COMPLETE, failed, { IfNoneMatch: '*' }), { name: 'PreconditionFailed' })
  t.equal(failed.parts, undefined, 'the upload is removed')
  // No request is repeated, and there is no wait.
  const other: SmallStore = await smallStore(t, { [COMPLETE]: errorAnswer(412, 'PreconditionFailed') })
  other.put('k', bytes(1))
  await t.rejects(uploadBy(COMPLETE, other, { IfNoneMatch: '*' }), { name: 'PreconditionFailed' })
  t.equal(other.of('HeadObject').length, 1)
  t.equal(other.of('ListParts').length, 1, 'only the clean-up lists the parts')
})

t.test('an error answer of S3 itself is final, and HeadObject is not called', async (t) => {
  for (const operation of OPERATIONS) {
    const store = await smallStore(t, { [operation]: errorAnswer(403, 'AccessDenied') })
    await t.rejects(uploadBy(operation, store), { name: 'AccessDenied', operation })
    t.equal(store.of('HeadObject').length, 0)
  }
})

t.test('if HeadObject is never answered, the error says that the object may exist', async (t) => {
  const neverAnswered = async (operation: (typeof OPERATIONS)[number]): Promise<void> => {
    const answers = { [operation]: closeConnection, HeadObject: closeConnection, ListParts: closeConnection }
    const store: SmallStore = await smallStore(t, answers, { maxAttempts: 1 })
    await t.rejects(uploadBy(operation, store), {
      code: 'ERR_S3_REQUEST',
      operation,
      objectMayExist: true,
      message: /It is not known whether S3 made the object, so it may exist/,
      stack: /it may exist/,
    })
    t.equal(store.of('AbortMultipartUpload').length, 0)
  }
  // Each of them uses up the 30 s that it has.
  await Promise.all(OPERATIONS.map(neverAnswered))
})

t.test('if HeadObject is refused, the first error is kept and says that the object may exist', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: firstThen(closeConnection, errorAnswer(404, 'NoSuchUpload')),
    HeadObject: ({ response }) => response.writeHead(403).end(),
  })
  await t.rejects(uploadBy(COMPLETE, store), {
    name: 'NoSuchUpload',
    message: /HeadObject was refused, so it is not known whether the object exists$/,
  })
})

t.test('if the upload cannot be removed either, the error says that the object may exist', async (t) => {
  const store = await smallStore(
    t,
    { [COMPLETE]: closeConnection, AbortMultipartUpload: errorAnswer(403, 'AccessDenied') },
    { maxAttempts: 1 },
  )
  t.match(await failureOf(uploadBy(COMPLETE, store)), {
    operation: COMPLETE,
    objectMayExist: true,
    cleanupError: Error,
  })
})

t.test('a PutObject that got no connection made no object', async (t) => {
  const store = await smallStore(t)
  store.close()
  await t.rejects(uploadBy('PutObject', store), { code: 'ERR_S3_REQUEST', cause: { code: 'ECONNREFUSED' } })
})

t.test('a PutObject to a server whose TLS handshake failed made no object, and no request asks for it', async (t) => {
  const encrypted = await faultProxy(t, { tls: true })
  const plain = await smallStore(t)
  const failed: [endpoint: string, code: string][] = [
    [encrypted.url, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [plain.endpoint.replace('http:', 'https:'), 'EPROTO'],
  ]
  for (const [endpoint, code] of failed) {
    const { client } = await smallStore(t, {}, { endpoint, requestHandler: { httpsAgent: { ca: [] } } })
    const error = await failureOf(uploadBy('PutObject', { ...plain, client }))
    t.match(error, { code: 'ERR_S3_REQUEST', cause: { code } })
    t.notMatch(error, { objectMayExist: true })
    t.notMatch(error.message, /\n/)
  }
  t.same([...encrypted.seen, ...plain.seen], [])
})

t.test('a lost answer is recovered with a client that does not run the middleware of a command', async (t) => {
  for (const [answer, isCarriedOut] of [
    [closeConnection, true],
    [errorAnswer(404, 'NoSuchUpload'), true],
    [errorAnswer(403, 'AccessDenied'), false],
  ] as const) {
    const store: SmallStore = await smallStore(
      t,
      { [COMPLETE]: isCarriedOut ? carryOutThen(() => store, answer) : answer },
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
    const result = uploadBy(COMPLETE, store, { client: wrapped })
    if (isCarriedOut) t.equal((await result).ETag, store.objects.get('k')?.ETag)
    else await t.rejects(result, { name: 'AccessDenied' })
  }
})

t.test('an HTML error page is named in the message, instead of an error of the XML parser', async (t) => {
  for (const [answer, message] of [
    [htmlAnswer(502), /PutObject failed\. NotAnS3Answer: HTTP 502 from a-balancer, not an S3 answer: "Bad & worse"/],
    [
      (({ response }) => response.writeHead(504).end('upstream\ntimed out')) as Answer,
      /HTTP 504 from an unnamed server, not an S3 answer: "upstream timed out"/,
    ],
  ] as const) {
    const store = await smallStore(t, { PutObject: answer, HeadObject: errorAnswer(404, '') }, { maxAttempts: 2 })
    await t.rejects(uploadBy('PutObject', store), { message, $metadata: { attempts: 2 } })
    t.equal(store.of('PutObject').length, 2, 'the client sends it again, because the status is a 5xx')
  }
  // The client waits for as long as Retry-After says.
  const busy = await smallStore(t, {
    PutObject: ({ seen, response }) =>
      seen.attempt > 1 ? 'as usual' : response.writeHead(503, { 'retry-after': '1' }).end('busy'),
  })
  await uploadBy('PutObject', busy)
  const [first, second] = busy.of('PutObject')
  t.ok(Number(second?.startedAt) - Number(first?.startedAt) > 900)
  const html: Answer = ({ response }) => xml(response, 200, HTML)
  const store = await smallStore(t, { CreateMultipartUpload: html }, { maxAttempts: 1 })
  await t.rejects(uploadBy(COMPLETE, store), { message: /CreateMultipartUpload failed\. NotAnS3Answer: HTTP 200 from/ })
})
