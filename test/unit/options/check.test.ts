import { getDefaultHighWaterMark } from 'node:stream'
import { inspect } from 'node:util'
import { S3, S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { type S3WritableOptions, s3Writable } from '../../../lib/index.js'
import { checkOptions } from '../../../lib/options/check.js'
import { MAX_PART_SIZE } from '../../../lib/parts/sizes.js'
import { MiB } from '../../support/bytes.js'

const client = new S3Client({ region: 'us-east-1' })
const good = { client, Bucket: 'bucket', Key: 'key' }

const TYPE = 'ERR_INVALID_ARG_TYPE'
const VALUE = 'ERR_INVALID_ARG_VALUE'
const RANGE = 'ERR_OUT_OF_RANGE'
const partSizes = `a whole number from 5242880 to ${MAX_PART_SIZE}`
const clients = 'an S3 client with send() and config, such as new S3Client() of @aws-sdk/client-s3'

const WRONG: [mistake: string, change: object, name: string, code: string, expected: string, received: string][] = [
  ['a part size that is NaN', { partSize: Number.NaN }, 'partSize', RANGE, partSizes, 'type number (NaN)'],
  ['a part size of 0', { partSize: 0 }, 'partSize', RANGE, partSizes, 'type number (0)'],
  ['a part size of 5 MiB − 1', { partSize: 5 * MiB - 1 }, 'partSize', RANGE, partSizes, 'type number (5242879)'],
  ['a part size of 1.5', { partSize: 1.5 }, 'partSize', RANGE, partSizes, 'type number (1.5)'],
  [
    'a part size above the maximum',
    { partSize: MAX_PART_SIZE + 1 },
    'partSize',
    RANGE,
    partSizes,
    `type number (${MAX_PART_SIZE + 1})`,
  ],
  ['a part size as a string', { partSize: '8MiB' }, 'partSize', TYPE, partSizes, "type string ('8MiB')"],
  ['a client of null', { client: null }, 'client', TYPE, clients, 'null'],
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
  ['a maximum of no parts', { maxParts: 0 }, 'maxParts', RANGE, 'a whole number from 1 to 10000', 'type number (0)'],
  [
    'more parts than S3 accepts',
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
    `a whole number from 0 to ${MAX_PART_SIZE * 10_000}`,
    'type number (-1)',
  ],
  [
    'a length that the parts cannot hold',
    { expectedSize: MAX_PART_SIZE + 1, maxParts: 1 },
    'expectedSize',
    RANGE,
    `a whole number from 0 to ${MAX_PART_SIZE}`,
    `type number (${MAX_PART_SIZE + 1})`,
  ],
  [
    'a highWaterMark of −1',
    { highWaterMark: -1 },
    'highWaterMark',
    RANGE,
    'a whole number, 0 or more',
    'type number (-1)',
  ],
  ['no client', { client: undefined }, 'client', TYPE, clients, 'undefined'],
  ['a client without send', { client: { config: {} } }, 'client', TYPE, clients, 'an instance of Object'],
  ['a client without config', { client: { send() {} } }, 'client', TYPE, clients, 'an instance of Object'],
  ['a class instead of a client', { client: S3Client }, 'client', TYPE, clients, 'function S3Client'],
  ['no Bucket', { Bucket: undefined }, 'Bucket', TYPE, 'a string', 'undefined'],
  ['an empty Bucket', { Bucket: '' }, 'Bucket', VALUE, 'a string that is not empty', "type string ('')"],
  ['no Key', { Key: undefined }, 'Key', TYPE, 'a string', 'undefined'],
  ['an empty Key', { Key: '' }, 'Key', VALUE, 'a string that is not empty', "type string ('')"],
  ['a Body', { Body: 'x' }, 'Body', VALUE, 'left out: what is written to the stream is the body', 'type string'],
  ['equalParts as a string', { equalParts: 'yes' }, 'equalParts', TYPE, 'a boolean', "type string ('yes')"],
  ['unsignedPayload as a number', { unsignedPayload: 1 }, 'unsignedPayload', TYPE, 'a boolean', 'type number (1)'],
  [
    'beforeComplete as an object',
    { beforeComplete: {} },
    'beforeComplete',
    TYPE,
    'a function',
    'an instance of Object',
  ],
  [
    'an AbortController instead of a signal',
    { signal: new AbortController() },
    'signal',
    TYPE,
    'an AbortSignal',
    'an instance of AbortController',
  ],
  [
    'a length above maxSize',
    { ContentLength: 11, maxSize: 10 },
    'ContentLength',
    RANGE,
    'at most "maxSize", which is 10',
    'type number (11)',
  ],
  [
    'an expected size above maxSize',
    { expectedSize: 1, maxSize: 0 },
    'expectedSize',
    RANGE,
    'at most "maxSize", which is 0',
    'type number (1)',
  ],
  [
    'a resume point above maxSize',
    { resume: { UploadId: 'u', offset: 11, parts: 1 }, maxSize: 10 },
    'resume.offset',
    RANGE,
    'at most "maxSize", which is 10',
    'type number (11)',
  ],
  ['a maxRate of 0', { maxRate: 0 }, 'maxRate', RANGE, 'a whole number, 1 or more', 'type number (0)'],
  ['a maxRate of 1.5', { maxRate: 1.5 }, 'maxRate', RANGE, 'a whole number, 1 or more', 'type number (1.5)'],
  ['a maxRate as a string', { maxRate: '1MiB' }, 'maxRate', TYPE, 'a whole number, 1 or more', "type string ('1MiB')"],
  ['a maxSize of −1', { maxSize: -1 }, 'maxSize', RANGE, 'a whole number, 0 or more', 'type number (-1)'],
  ['a maxSize as a string', { maxSize: '1' }, 'maxSize', TYPE, 'a whole number, 0 or more', "type string ('1')"],
]

t.test('a wrong option throws immediately, with what was expected and what was received', async (t) => {
  for (const [mistake, change, name, code, expected, received] of WRONG) {
    const message = `The "${name}" option must be ${expected}. Received ${received}`
    t.throws(() => s3Writable({ ...good, ...change } as S3WritableOptions), { code, message }, mistake)
  }
  t.throws(() => s3Writable(undefined as never), { code: TYPE, message: /"options" .* an object. Received undefined/ })
  t.throws(() => s3Writable(null as never), { code: TYPE, message: /Received null/ })
})

t.test('the error for an unknown option lists the known ones, and suggests one that differs in case', async (t) => {
  const message =
    /^Unknown option "partsize"\. Did you mean "partSize"\? The options are .*, partSize, .* such as ContentType$/
  t.throws(() => s3Writable({ ...good, partsize: 1 } as S3WritableOptions), { code: VALUE, message })
  const other = { ...good, region: 'x' } as S3WritableOptions
  t.throws(() => s3Writable(other), { code: VALUE, message: /^Unknown option "region"\. The options are / })
})

t.test('a name that every object inherits is an unknown option', async (t) => {
  for (const name of ['toString', 'constructor', '__proto__']) {
    const options = Object.fromEntries([...Object.entries(good), [name, { ACL: 'public-read' }]])
    t.throws(
      () => s3Writable(options as never),
      { code: VALUE, message: new RegExp(`^Unknown option "${name}"`) },
      name,
    )
  }
})

t.test('S3 parameters that this module does not know are passed on', async (t) => {
  const { s3 } = checkOptions({ ...good, SomethingNew: 1 } as S3WritableOptions)
  t.same(s3, { Bucket: 'bucket', Key: 'key', SomethingNew: 1 })
})

t.test('an option that is undefined or null counts as left out', async (t) => {
  const names = [
    ...Object.keys(checkOptions(good)),
    'expectedSize',
    'ContentType',
    'IfMatch',
    'Metadata',
    'SSECustomerKey',
  ]
  const expected = checkOptions({ ...good, IfNoneMatch: '*' })
  for (const value of [undefined, null]) {
    const empty = Object.fromEntries(names.filter((name) => !(name in good)).map((name) => [name, value]))
    t.ok(Object.keys(empty).length > 15)
    const { sizeOfPart, ...checked } = checkOptions({ ...good, ...empty, IfNoneMatch: '*' } as S3WritableOptions)
    t.strictSame({ ...checked, sizeOfPart: expected.sizeOfPart }, expected)
    t.equal(sizeOfPart(1), 8 * MiB)
  }
  t.same(expected.s3, { Bucket: 'bucket', Key: 'key', IfNoneMatch: '*' })
  t.same(expected.concurrency, { min: 4, max: 4 })
})

t.test('a known length raises the part size and keeps the parts equal; an expected size only raises it', async (t) => {
  const size = 100_000 * MiB
  const known = checkOptions({ ...good, ContentLength: size }).sizeOfPart
  t.same([known(1), known(10_000)], [10 * MiB, 10 * MiB])
  const expected = checkOptions({ ...good, expectedSize: size }).sizeOfPart
  t.same([expected(1), expected(5001)], [10 * MiB, 20 * MiB])
  const equal = checkOptions({ ...good, expectedSize: size, equalParts: true }).sizeOfPart
  t.same([equal(1), equal(10_000)], [10 * MiB, 10 * MiB])
})

t.test("highWaterMark is passed to the stream, and is Node's default if it is left out", async (t) => {
  t.equal(s3Writable({ ...good, highWaterMark: 10 }).writableHighWaterMark, 10)
  t.equal(s3Writable(good).writableHighWaterMark, getDefaultHighWaterMark(false))
})

t.test('any client with send and config is accepted, such as the aggregated S3', async (t) => {
  const s3 = new S3({ region: 'us-east-1' })
  s3Writable({ ...good, client: s3 }).destroy()
  s3Writable({ ...good, client: { config: {}, send: async () => ({}) } }).destroy()
  t.pass()
})

t.test('no error shows a value that may be a secret', async (t) => {
  const secrets: object[] = [
    { client: 'hush' },
    { client: { accessKeyId: 'hush', secretAccessKey: 'hush' } },
    { secretAccessKey: 'hush' },
    { credentials: { secretAccessKey: 'hush' } },
    { Body: 'hush' },
    { SSECustomerKey: 'hush' },
    { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k', SSEKMSEncryptionContext: 'hush' },
    { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k', SSEKMSKeyId: 'hush' },
    { resume: true, SSEKMSEncryptionContext: 'hush' },
    { resume: true, Tagging: 'hush' },
    { Metadata: 'hush' },
    { Metadata: { token: ['hush'] } },
    { Metadata: { token: 'hush é' } },
    { Tagging: 'hush é' },
  ]
  for (const options of secrets) {
    const error = thrown(options)
    t.match(error, { code: /^ERR_INVALID_ARG_(TYPE|VALUE)$/ })
    t.notMatch(inspect(error), /hush/)
  }
})

function thrown(options: object): Error {
  try {
    checkOptions({ ...good, ...options } as S3WritableOptions)
  } catch (error) {
    return error as Error
  }
  return new Error('no error was thrown')
}
