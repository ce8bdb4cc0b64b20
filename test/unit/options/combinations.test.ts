import { inspect } from 'node:util'
import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import type { S3WritableOptions } from '../../../lib/index.js'
import { checkOptions } from '../../../lib/options/check.js'

const good = { client: new S3Client({ region: 'us-east-1' }), Bucket: 'bucket', Key: 'key' }
const check = (options: object) => checkOptions({ ...good, ...options } as S3WritableOptions)

const customer = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k' }
const RetainUntil = new Date('2030-01-01')

/** What does not go together: which option is named, and what it must be. The first one that was given is not named. */
const WRONG: [what: string, options: object, name: string, expected: string][] = [
  ['a length and a guess', { ContentLength: 1, expectedSize: 1 }, 'expectedSize', 'left out: "ContentLength" is given'],
  ['both conditions', { IfMatch: '"e"', IfNoneMatch: '*' }, 'IfNoneMatch', 'left out: "IfMatch" is given'],
  ...['GrantFullControl', 'GrantRead', 'GrantReadACP', 'GrantWriteACP'].map(
    (name): [string, object, string, string] => [
      `an ACL and ${name}`,
      { [name]: 'id=1', ACL: 'private' },
      name,
      'left out: "ACL" is given',
    ],
  ),
  ...['ServerSideEncryption', 'SSEKMSKeyId', 'SSEKMSEncryptionContext', 'BucketKeyEnabled'].map(
    (name): [string, object, string, string] => [
      `the customer's key and ${name}`,
      { [name]: 'x', ...customer },
      name,
      'left out: "SSECustomerAlgorithm" is given',
    ],
  ),
  [
    "the MD5 of a customer's key, and the store's",
    { SSECustomerKeyMD5: 'm', SSEKMSKeyId: 'k' },
    'SSEKMSKeyId',
    'left out: "SSECustomerKeyMD5" is given',
  ],
  [
    "a customer's algorithm alone",
    { SSECustomerAlgorithm: 'AES256' },
    'SSECustomerKey',
    'given where "SSECustomerAlgorithm" is',
  ],
  ["a customer's key alone", { SSECustomerKey: 'k' }, 'SSECustomerAlgorithm', 'given where "SSECustomerKey" is'],
  ["a key's MD5 alone", { SSECustomerKeyMD5: 'm' }, 'SSECustomerKey', 'given where "SSECustomerKeyMD5" is'],
  [
    'a lock without a date',
    { ObjectLockMode: 'GOVERNANCE' },
    'ObjectLockRetainUntilDate',
    'given where "ObjectLockMode" is',
  ],
  [
    'a date without a lock',
    { ObjectLockRetainUntilDate: RetainUntil },
    'ObjectLockMode',
    'given where "ObjectLockRetainUntilDate" is',
  ],
  ...['SHA1', 'SHA256'].map((ChecksumAlgorithm): [string, object, string, string] => [
    `${ChecksumAlgorithm} over the whole of the parts`,
    { ChecksumType: 'FULL_OBJECT', ChecksumAlgorithm },
    'ChecksumAlgorithm',
    'one that can be FULL_OBJECT, as "ChecksumType" says',
  ]),
  [
    'CRC-64/NVME over checksums',
    { ChecksumType: 'COMPOSITE', ChecksumAlgorithm: 'CRC64NVME' },
    'ChecksumAlgorithm',
    'one that can be COMPOSITE, as "ChecksumType" says',
  ],
  [
    'a SHA-256 that is to be one of the whole',
    { ChecksumType: 'FULL_OBJECT', ChecksumSHA256: 'a' },
    'ChecksumSHA256',
    'left out: "ChecksumType" is FULL_OBJECT',
  ],
  ['two checksums', { ChecksumCRC32: 'a', ChecksumSHA1: 'b' }, 'ChecksumSHA1', 'left out: "ChecksumCRC32" is given'],
  [
    'another algorithm than that of the checksum',
    { ChecksumCRC32: 'a', ChecksumAlgorithm: 'SHA1' },
    'ChecksumAlgorithm',
    'CRC32, as "ChecksumCRC32" is given',
  ],
]

t.test('options that exclude or need each other are refused, by name', async (t) => {
  for (const [what, options, name, expected] of WRONG) {
    const message = `The "${name}" option must be ${expected}. Received `
    t.match(thrown(options), { code: 'ERR_INVALID_ARG_VALUE', name: 'TypeError' }, what)
    t.equal(thrown(options).message.slice(0, message.length), message)
  }
})

t.test('options that go together pass', async (t) => {
  const right: object[] = [
    { ContentLength: 1, IfNoneMatch: '*', ACL: 'private', ServerSideEncryption: 'AES256' },
    { expectedSize: 1, IfMatch: '"e"', GrantRead: 'id=1', ...customer, SSECustomerKeyMD5: 'm' },
    { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: RetainUntil, ObjectLockLegalHoldStatus: 'ON' },
    { ChecksumType: 'FULL_OBJECT', ChecksumAlgorithm: 'CRC32C' },
    { ChecksumType: 'COMPOSITE', ChecksumAlgorithm: 'SHA256', ChecksumSHA256: 'x' },
    { ContentLength: 1, expectedSize: null, ACL: 'private', GrantRead: undefined, ObjectLockMode: null },
    { ContentLength: 10, maxSize: 10 },
  ]
  for (const options of right) t.ok(check(options), inspect(options))
})

t.test('no message shows what may be a secret', async (t) => {
  const wrong: object[] = [
    { client: 'hush' },
    { client: { accessKeyId: 'hush', secretAccessKey: 'hush' } },
    { secretAccessKey: 'hush' },
    { credentials: { secretAccessKey: 'hush' } },
    { Body: 'hush' },
    { SSECustomerKey: 'hush' },
    { ...customer, SSEKMSEncryptionContext: 'hush' },
    { ...customer, SSEKMSKeyId: 'hush' },
    { resume: true, SSEKMSEncryptionContext: 'hush' },
    { resume: true, Tagging: 'hush' },
    { Metadata: 'hush' },
    { Metadata: { token: ['hush'] } },
    { Metadata: { token: 'hush é' } },
    { Tagging: 'hush é' },
  ]
  for (const options of wrong) {
    const error = thrown(options)
    t.match(error, { code: /^ERR_INVALID_ARG_(TYPE|VALUE)$/ })
    t.notMatch(inspect(error), /hush/)
  }
})

function thrown(options: object): Error {
  try {
    check(options)
  } catch (error) {
    return error as Error
  }
  return new Error('nothing is thrown')
}
