import { inspect } from 'node:util'
import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import type { S3WritableOptions } from '../../../lib/index.js'
import { checkOptions } from '../../../lib/options/check.js'

const good = { client: new S3Client({ region: 'us-east-1' }), Bucket: 'bucket', Key: 'key' }
const check = (options: object) => checkOptions({ ...good, ...options } as S3WritableOptions)

const customer = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k' }
const RetainUntil = new Date('2030-01-01')

/** Options that exclude or require each other, the option that the error names, and what it says about that option. */
const WRONG: [combination: string, options: object, name: string, expected: string][] = [
  [
    'a length and an expected size',
    { ContentLength: 1, expectedSize: 1 },
    'expectedSize',
    'left out: "ContentLength" is given',
  ],
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
      `a customer's key and ${name}`,
      { [name]: 'x', ...customer },
      name,
      'left out: "SSECustomerAlgorithm" is given',
    ],
  ),
  [
    "the MD5 of a customer's key and a key of KMS",
    { SSECustomerKeyMD5: 'm', SSEKMSKeyId: 'k' },
    'SSEKMSKeyId',
    'left out: "SSECustomerKeyMD5" is given',
  ],
  [
    "a customer's algorithm alone",
    { SSECustomerAlgorithm: 'AES256' },
    'SSECustomerKey',
    'given together with "SSECustomerAlgorithm"',
  ],
  ["a customer's key alone", { SSECustomerKey: 'k' }, 'SSECustomerAlgorithm', 'given together with "SSECustomerKey"'],
  ["a key's MD5 alone", { SSECustomerKeyMD5: 'm' }, 'SSECustomerKey', 'given together with "SSECustomerKeyMD5"'],
  [
    'a lock without a date',
    { ObjectLockMode: 'GOVERNANCE' },
    'ObjectLockRetainUntilDate',
    'given together with "ObjectLockMode"',
  ],
  [
    'a date without a lock',
    { ObjectLockRetainUntilDate: RetainUntil },
    'ObjectLockMode',
    'given together with "ObjectLockRetainUntilDate"',
  ],
  ...['SHA1', 'SHA256'].map((ChecksumAlgorithm): [string, object, string, string] => [
    `${ChecksumAlgorithm} of the full object`,
    { ChecksumType: 'FULL_OBJECT', ChecksumAlgorithm },
    'ChecksumAlgorithm',
    'an algorithm that supports the "ChecksumType" FULL_OBJECT',
  ]),
  [
    'CRC-64/NVME of checksums',
    { ChecksumType: 'COMPOSITE', ChecksumAlgorithm: 'CRC64NVME' },
    'ChecksumAlgorithm',
    'an algorithm that supports the "ChecksumType" COMPOSITE',
  ],
  [
    'a SHA-256 value of the full object',
    { ChecksumType: 'FULL_OBJECT', ChecksumSHA256: 'a' },
    'ChecksumSHA256',
    'left out: "ChecksumType" is FULL_OBJECT',
  ],
  ['two checksums', { ChecksumCRC32: 'a', ChecksumSHA1: 'b' }, 'ChecksumSHA1', 'left out: "ChecksumCRC32" is given'],
  [
    'a checksum and another algorithm',
    { ChecksumCRC32: 'a', ChecksumAlgorithm: 'SHA1' },
    'ChecksumAlgorithm',
    'CRC32, because "ChecksumCRC32" is given',
  ],
]

t.test('options that exclude or require each other throw an error that names one of them', async (t) => {
  for (const [combination, options, name, expected] of WRONG) {
    const message = `The "${name}" option must be ${expected}. Received `
    t.match(thrown(options), { code: 'ERR_INVALID_ARG_VALUE', name: 'TypeError' }, combination)
    t.equal(thrown(options).message.slice(0, message.length), message)
  }
})

t.test('options that can be combined are accepted', async (t) => {
  const allowed: object[] = [
    { ContentLength: 1, IfNoneMatch: '*', ACL: 'private', ServerSideEncryption: 'AES256' },
    { expectedSize: 1, IfMatch: '"e"', GrantRead: 'id=1', ...customer, SSECustomerKeyMD5: 'm' },
    { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: RetainUntil, ObjectLockLegalHoldStatus: 'ON' },
    { ChecksumType: 'FULL_OBJECT', ChecksumAlgorithm: 'CRC32C' },
    { ChecksumType: 'COMPOSITE', ChecksumAlgorithm: 'SHA256', ChecksumSHA256: 'x' },
    { ContentLength: 1, expectedSize: null, ACL: 'private', GrantRead: undefined, ObjectLockMode: null },
    { ContentLength: 10, maxSize: 10 },
  ]
  for (const options of allowed) t.ok(check(options), inspect(options))
})

function thrown(options: object): Error {
  try {
    check(options)
  } catch (error) {
    return error as Error
  }
  return new Error('no error was thrown')
}
