import { getDefaultHighWaterMark } from 'node:stream'
import { S3, S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { type S3WritableOptions, s3Writable } from '../../../lib/index.js'
import { checkOptions } from '../../../lib/options/check.js'
import { MAX_PART_SIZE } from '../../../lib/parts/sizes.js'
import { MiB } from '../../support/bytes.js'

const client = new S3Client({ region: 'us-east-1' })
const good = { client, Bucket: 'bucket', Key: 'key' }
const MOST = MAX_PART_SIZE

const TYPE = 'ERR_INVALID_ARG_TYPE'
const VALUE = 'ERR_INVALID_ARG_VALUE'
const RANGE = 'ERR_OUT_OF_RANGE'
const aPartSize = `a whole number from 5242880 to ${MOST}`
const aClient = 'an S3 client with send() and config, such as new S3Client() of @aws-sdk/client-s3'

const WRONG: [what: string, change: object, name: string, code: string, expected: string, received: string][] = [
  ['a part size that is NaN', { partSize: Number.NaN }, 'partSize', RANGE, aPartSize, 'type number (NaN)'],
  ['a part size of 0', { partSize: 0 }, 'partSize', RANGE, aPartSize, 'type number (0)'],
  ['a part size of 5 MiB − 1', { partSize: 5 * MiB - 1 }, 'partSize', RANGE, aPartSize, 'type number (5242879)'],
  ['a part size of 1.5', { partSize: 1.5 }, 'partSize', RANGE, aPartSize, 'type number (1.5)'],
  ['a part size past the most', { partSize: MOST + 1 }, 'partSize', RANGE, aPartSize, `type number (${MOST + 1})`],
  ['a part size in words', { partSize: '8MiB' }, 'partSize', TYPE, aPartSize, "type string ('8MiB')"],
  ['a client of null', { client: null }, 'client', TYPE, aClient, 'null'],
  ['a Bucket of null', { Bucket: null }, 'Bucket', TYPE, 'a string', 'null'],
  ['a Key of null', { Key: null }, 'Key', TYPE, 'a string', 'null'],
  ['a concurrency of 0', { concurrency: 0 }, 'concurrency', RANGE, 'a whole number, 1 or more', 'type number (0)'],
  [
    'a concurrency of 1.5',
    { concurrency: 1.5 },
    'concurrency',
    RANGE,
    'a whole number, 1 or more',
    'type number (1.5)',
  ],
  ['no parts at all', { maxParts: 0 }, 'maxParts', RANGE, 'a whole number from 1 to 10000', 'type number (0)'],
  [
    'more parts than S3 takes',
    { maxParts: 10_001 },
    'maxParts',
    RANGE,
    'a whole number from 1 to 10000',
    'type number (10001)',
  ],
  [
    'a negative length',
    { ContentLength: -1 },
    'ContentLength',
    RANGE,
    `a whole number from 0 to ${MOST * 10_000}`,
    'type number (-1)',
  ],
  [
    'a length that no parts hold',
    { expectedSize: MOST + 1, maxParts: 1 },
    'expectedSize',
    RANGE,
    `a whole number from 0 to ${MOST}`,
    `type number (${MOST + 1})`,
  ],
  [
    'a highWaterMark of −1',
    { highWaterMark: -1 },
    'highWaterMark',
    RANGE,
    'a whole number, 0 or more',
    'type number (-1)',
  ],
  ['no client', { client: undefined }, 'client', TYPE, aClient, 'undefined'],
  ['a client without send', { client: { config: {} } }, 'client', TYPE, aClient, 'an instance of Object'],
  ['a client without config', { client: { send() {} } }, 'client', TYPE, aClient, 'an instance of Object'],
  ['a function for a client', { client: S3Client }, 'client', TYPE, aClient, 'function S3Client'],
  ['no Bucket', { Bucket: undefined }, 'Bucket', TYPE, 'a string', 'undefined'],
  ['an empty Bucket', { Bucket: '' }, 'Bucket', VALUE, 'a string that is not empty', "type string ('')"],
  ['no Key', { Key: undefined }, 'Key', TYPE, 'a string', 'undefined'],
  ['an empty Key', { Key: '' }, 'Key', VALUE, 'a string that is not empty', "type string ('')"],
  ['a Body', { Body: 'x' }, 'Body', VALUE, 'left out: what is written to the stream is the body', 'type string'],
  ['equalParts in words', { equalParts: 'yes' }, 'equalParts', TYPE, 'a boolean', "type string ('yes')"],
  ['unsignedPayload in figures', { unsignedPayload: 1 }, 'unsignedPayload', TYPE, 'a boolean', 'type number (1)'],
  [
    'beforeComplete that is no function',
    { beforeComplete: {} },
    'beforeComplete',
    TYPE,
    'a function',
    'an instance of Object',
  ],
  [
    'a controller for a signal',
    { signal: new AbortController() },
    'signal',
    TYPE,
    'an AbortSignal',
    'an instance of AbortController',
  ],
  [
    'a length past the most',
    { ContentLength: 11, maxSize: 10 },
    'ContentLength',
    RANGE,
    'at most "maxSize", which is 10',
    'type number (11)',
  ],
  [
    'a guess past the most',
    { expectedSize: 1, maxSize: 0 },
    'expectedSize',
    RANGE,
    'at most "maxSize", which is 0',
    'type number (1)',
  ],
  [
    'a point past the most',
    { resume: { UploadId: 'u', offset: 11, parts: 1 }, maxSize: 10 },
    'resume.offset',
    RANGE,
    'at most "maxSize", which is 10',
    'type number (11)',
  ],
  ['a most of −1', { maxSize: -1 }, 'maxSize', RANGE, 'a whole number, 0 or more', 'type number (-1)'],
  ['a most in words', { maxSize: '1' }, 'maxSize', TYPE, 'a whole number, 0 or more', "type string ('1')"],
]

t.test('a wrong option throws at once, with what was expected and what came', async (t) => {
  for (const [what, change, name, code, expected, received] of WRONG) {
    const message = `The "${name}" option must be ${expected}. Received ${received}`
    t.throws(() => s3Writable({ ...good, ...change } as S3WritableOptions), { code, message }, what)
  }
  t.throws(() => s3Writable(undefined as never), { code: TYPE, message: /"options" .* an object. Received undefined/ })
  t.throws(() => s3Writable(null as never), { code: TYPE, message: /Received null/ })
})

t.test('an unknown option is named, with those that there are and the one that may be meant', async (t) => {
  const message =
    /^Unknown option "partsize"\. Did you mean "partSize"\? There are .*, partSize, .* such as ContentType$/
  t.throws(() => s3Writable({ ...good, partsize: 1 } as S3WritableOptions), { code: VALUE, message })
  const other = { ...good, region: 'x' } as S3WritableOptions
  t.throws(() => s3Writable(other), { code: VALUE, message: /^Unknown option "region"\. There are / })
})

t.test('S3 parameters that this module does not know pass', async (t) => {
  const { s3 } = checkOptions({ ...good, SomethingNew: 1 } as S3WritableOptions)
  t.same(s3, { Bucket: 'bucket', Key: 'key', SomethingNew: 1 })
})

t.test('an option of undefined or null is as one left out', async (t) => {
  const names = [
    ...Object.keys(checkOptions(good)),
    'expectedSize',
    'ContentType',
    'IfMatch',
    'Metadata',
    'SSECustomerKey',
  ]
  const expected = checkOptions({ ...good, IfNoneMatch: '*' })
  for (const nothing of [undefined, null]) {
    const left = Object.fromEntries(names.filter((name) => !(name in good)).map((name) => [name, nothing]))
    t.ok(Object.keys(left).length > 15)
    const { sizeOfPart, ...checked } = checkOptions({ ...good, ...left, IfNoneMatch: '*' } as S3WritableOptions)
    t.strictSame({ ...checked, sizeOfPart: expected.sizeOfPart }, expected)
    t.equal(sizeOfPart(1), 8 * MiB)
  }
  t.same(expected.s3, { Bucket: 'bucket', Key: 'key', IfNoneMatch: '*' })
  t.equal(expected.concurrency, 4)
})

t.test('a known length chooses the part size and keeps it; a guess only raises it', async (t) => {
  const size = 100_000 * MiB
  const known = checkOptions({ ...good, ContentLength: size }).sizeOfPart
  t.same([known(1), known(10_000)], [10 * MiB, 10 * MiB])
  const guessed = checkOptions({ ...good, expectedSize: size }).sizeOfPart
  t.same([guessed(1), guessed(5001)], [10 * MiB, 20 * MiB])
  const equal = checkOptions({ ...good, expectedSize: size, equalParts: true }).sizeOfPart
  t.same([equal(1), equal(10_000)], [10 * MiB, 10 * MiB])
})

t.test("highWaterMark is the stream's own, and Node's where it is left out", async (t) => {
  t.equal(s3Writable({ ...good, highWaterMark: 10 }).writableHighWaterMark, 10)
  t.equal(s3Writable(good).writableHighWaterMark, getDefaultHighWaterMark(false))
})

t.test('any client with send and config will do, such as the aggregated S3', async (t) => {
  const s3 = new S3({ region: 'us-east-1' })
  s3Writable({ ...good, client: s3 }).destroy()
  s3Writable({ ...good, client: { config: {}, send: async () => ({}) } }).destroy()
  t.pass()
})
