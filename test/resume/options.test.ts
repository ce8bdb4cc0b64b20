import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { resumePoint, type S3WritableOptions } from '../../lib/index.js'
import { checkOptions } from '../../lib/options/check.js'
import { P } from '../support/bytes.js'

const client = new S3Client({ region: 'us-east-1' })
const good = { client, Bucket: 'bucket', Key: 'key' }
const TYPE = 'ERR_INVALID_ARG_TYPE'
const VALUE = 'ERR_INVALID_ARG_VALUE'
const check = (options: object) => checkOptions({ ...good, ...options } as S3WritableOptions)
const point = { UploadId: 'u', offset: P, parts: 1, partSize: P }

t.test('parameters of CreateMultipartUpload cannot be given with resume', async (t) => {
  const createParams = {
    ContentType: 'text/plain',
    Metadata: {},
    ACL: 'private',
    ServerSideEncryption: 'AES256',
    SomethingNew: 1,
  }
  for (const [name, value] of Object.entries({
    ...createParams,
    ChecksumAlgorithm: 'CRC32',
    ChecksumType: 'FULL_OBJECT',
  })) {
    for (const resume of [true, { UploadId: 'u' }, point]) {
      const message = `The "${name}" option must be left out: "resume" is given, and a parameter of CreateMultipartUpload cannot be changed.`
      t.throws(() => check({ resume, [name]: value }), { code: VALUE, message: new RegExp(`^${message}`) })
    }
  }
})

t.test('parameters of Complete and of every request can be given with resume', async (t) => {
  const SSECustomerKey = Buffer.alloc(32).toString('base64')
  const { s3, resume } = check({
    resume: { UploadId: 'u' },
    IfNoneMatch: '*',
    ExpectedBucketOwner: '1',
    RequestPayer: 'requester',
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey,
    ChecksumSHA256: 'x',
    ContentLength: 7,
    partSize: P,
    leavePartsOnError: true,
  })
  t.same(resume, { UploadId: 'u' })
  t.equal(s3.IfNoneMatch, '*')
  t.equal('ContentLength' in s3, false)
})

t.test('with resume false, null or undefined, parameters of CreateMultipartUpload can be given', async (t) => {
  for (const resume of [false, null, undefined]) {
    const { s3, resume: checked } = check({ resume, ContentType: 'text/plain' })
    t.equal(s3.ContentType, 'text/plain')
    t.equal(checked, undefined)
  }
  t.same(check({ resume: { UploadId: 'u', offset: null, partSize: null } }).resume, { UploadId: 'u' })
})

t.test('a resume option that names no upload is refused', async (t) => {
  const expected = `The "resume" option must be true, false, 'auto', an object with an UploadId, or a result of resumePoint\\(\\)`
  for (const resume of ['u', 1, {}, { uploadId: 'u' }, { UploadId: 1 }, { UploadId: null }]) {
    t.throws(() => check({ resume }), { code: TYPE, message: new RegExp(`^${expected}\\. Received `) }, String(resume))
  }
  t.throws(() => check({ resume: { UploadId: '' } }), {
    code: VALUE,
    message: /"resume.UploadId" option must be a string/,
  })
  await t.rejects(resumePoint({ ...good, UploadId: '' }), { code: VALUE, message: /"UploadId" option/ })
  await t.rejects(resumePoint({ ...good, Key: '' }), { code: VALUE, message: /"Key" option/ })
})

t.test('a resume point must be complete, and excludes a hash of the full object', async (t) => {
  const RANGE = 'ERR_OUT_OF_RANGE'
  t.throws(() => check({ resume: { ...point, offset: -1 } }), { code: RANGE, message: /"resume.offset" option/ })
  t.throws(() => check({ resume: { ...point, offset: '5' } }), { code: TYPE, message: /"resume.offset" option/ })
  t.throws(() => check({ resume: { ...point, parts: 0 } }), { code: RANGE, message: /"resume.parts" option/ })
  t.throws(() => check({ resume: { ...point, parts: undefined } }), { code: TYPE, message: /"resume.parts" option/ })
  for (const name of ['ContentMD5', 'ChecksumMD5', 'ChecksumSHA1', 'ChecksumSHA256', 'ChecksumSHA512']) {
    const message = new RegExp(`"${name}" option must be left out: "resume" has an offset`)
    t.throws(() => check({ resume: point, [name]: 'x' }), { code: VALUE, message })
    t.ok(check({ resume: { UploadId: 'u' }, [name]: 'x' }))
  }
  t.ok(check({ resume: point, ChecksumCRC32: 'x' }))
  t.ok(check({ resume: { UploadId: 'u', offset: 0, parts: 0, partSize: undefined } }))
})
