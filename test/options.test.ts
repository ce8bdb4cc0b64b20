import { getDefaultHighWaterMark } from 'node:stream'
import { S3, S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { checkOptions } from '../lib/check-options.js'
import { type S3WritableOptions, s3Writable } from '../lib/index.js'
import { MAX_PART_SIZE } from '../lib/part-size.js'
import { MiB } from './support/bytes.js'

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
  ['a part size of null', { partSize: null }, 'partSize', TYPE, aPartSize, 'null'],
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
  ['a Body', { Body: 'x' }, 'Body', VALUE, 'left out: what is written to the stream is the body', "type string ('x')"],
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
    'a length and a guess at it',
    { ContentLength: 1, expectedSize: 1 },
    'expectedSize',
    VALUE,
    'left out where "ContentLength" is given',
    'type number (1)',
  ],
  [
    'both conditions',
    { IfMatch: '"a"', IfNoneMatch: '*' },
    'IfNoneMatch',
    VALUE,
    'left out where "IfMatch" is given',
    "type string ('*')",
  ],
  [
    'an ACL and a grant',
    { ACL: 'private', GrantRead: 'id=1' },
    'GrantRead',
    VALUE,
    'left out where "ACL" is given',
    "type string ('id=1')",
  ],
  [
    'two keys',
    { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k', SSEKMSKeyId: 'm' },
    'SSEKMSKeyId',
    VALUE,
    'left out where "SSECustomerAlgorithm" is given',
    "type string ('m')",
  ],
  [
    "half a customer's key",
    { SSECustomerAlgorithm: 'AES256' },
    'SSECustomerKey',
    VALUE,
    'given where "SSECustomerAlgorithm" is',
    'undefined',
  ],
  [
    'a lock without a date',
    { ObjectLockMode: 'GOVERNANCE' },
    'ObjectLockRetainUntilDate',
    VALUE,
    'given where "ObjectLockMode" is',
    'undefined',
  ],
  [
    'SHA-256 over the whole of the parts',
    { ChecksumType: 'FULL_OBJECT', ChecksumAlgorithm: 'SHA256' },
    'ChecksumAlgorithm',
    VALUE,
    'one that can be FULL_OBJECT, as "ChecksumType" says',
    "type string ('SHA256')",
  ],
  [
    'CRC-64/NVME over checksums',
    { ChecksumType: 'COMPOSITE', ChecksumAlgorithm: 'CRC64NVME' },
    'ChecksumAlgorithm',
    VALUE,
    'one that can be COMPOSITE, as "ChecksumType" says',
    "type string ('CRC64NVME')",
  ],
  [
    'two checksums',
    { ChecksumCRC32: 'a', ChecksumSHA1: 'b' },
    'ChecksumSHA1',
    VALUE,
    'left out where "ChecksumCRC32" is given',
    "type string ('b')",
  ],
  [
    'another algorithm than that of the checksum',
    { ChecksumCRC32: 'a', ChecksumAlgorithm: 'SHA1' },
    'ChecksumAlgorithm',
    VALUE,
    'CRC32, as "ChecksumCRC32" is given',
    "type string ('SHA1')",
  ],
]

t.test('a wrong option throws at once, with what was expected and what came', async (t) => {
  for (const [what, change, name, code, expected, received] of WRONG) {
    const message = `The "${name}" option must be ${expected}. Received ${received}`
    t.throws(() => s3Writable({ ...good, ...change } as S3WritableOptions), { code, message }, what)
  }
  t.throws(() => s3Writable(undefined as never), { code: TYPE, message: /"options" .* an object. Received undefined/ })
  t.throws(() => s3Writable(null as never), { code: TYPE, message: /Received null/ })
})

t.test('an option that is misspelt is named, with those that there are', async (t) => {
  const misspelt = { ...good, partsize: 1 } as S3WritableOptions
  t.throws(() => s3Writable(misspelt), { code: VALUE, message: /"partsize" .* no such option. There are .*partSize/ })
})

t.test('what came in place of a client is named but never shown', async (t) => {
  const secret = { accessKeyId: 'AKIA', secretAccessKey: 'hush' }
  try {
    s3Writable({ ...good, client: secret as never })
  } catch (error) {
    t.notMatch(String(error), /hush|AKIA/)
  }
  t.throws(() => s3Writable({ ...good, client: secret as never }))
})

t.test('S3 parameters that this module does not know pass', async (t) => {
  const { s3 } = checkOptions({ ...good, SomethingNew: 1 } as S3WritableOptions)
  t.same(s3, { Bucket: 'bucket', Key: 'key', SomethingNew: 1 })
})

t.test('an undefined option is as one left out', async (t) => {
  const nothing = {
    partSize: undefined,
    concurrency: undefined,
    ContentType: undefined,
    IfMatch: undefined,
    IfNoneMatch: '*',
  }
  const { s3, concurrency, sizes } = checkOptions({ ...good, ...nothing })
  t.same(s3, { Bucket: 'bucket', Key: 'key', IfNoneMatch: '*' })
  t.equal(concurrency, 4)
  t.equal(sizes(1), 8 * MiB)
})

t.test('a known length chooses the part size and keeps it; a guess only raises it', async (t) => {
  const size = 100_000 * MiB
  const known = checkOptions({ ...good, ContentLength: size }).sizes
  t.same([known(1), known(10_000)], [10 * MiB, 10 * MiB])
  const guessed = checkOptions({ ...good, expectedSize: size }).sizes
  t.same([guessed(1), guessed(5001)], [10 * MiB, 20 * MiB])
  const equal = checkOptions({ ...good, expectedSize: size, equalParts: true }).sizes
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
