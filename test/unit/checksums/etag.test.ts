import t from 'tap'
import { hasOpaqueETag, multipartETag } from '../../../lib/checksums/etag.js'

const MD5 = '0123456789abcdef0123456789abcdef'

t.test("the object's ETag is made of the parts' MD5s, and unknown where one is none", async (t) => {
  t.match(multipartETag([MD5, MD5, MD5]), /^[0-9a-f]{32}-3$/)
  t.equal(multipartETag([MD5, undefined]), undefined)
})

t.test('an ETag under KMS or a customer’s key, or in a directory bucket, is no MD5', async (t) => {
  for (const [answer, Bucket] of [
    [{ ServerSideEncryption: 'aws:kms' }, 'b'],
    [{ ServerSideEncryption: 'aws:kms:dsse' }, 'b'],
    [{ SSECustomerAlgorithm: 'AES256' }, 'b'],
    [{}, 'b--use1-az4--x-s3'],
    [{}, 'my-access-point--use1-az4--xa-s3'],
    [{}, 'arn:aws:s3express:us-east-1:123456789012:accesspoint/my-access-point--use1-az4--xa-s3'],
  ] as const) {
    t.equal(hasOpaqueETag(answer, Bucket), true, JSON.stringify([answer, Bucket]))
  }
  t.equal(hasOpaqueETag({ ServerSideEncryption: 'AES256' }, 'b'), false)
})
