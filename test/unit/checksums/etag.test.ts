import t from 'tap'
import { hasOpaqueETag, md5OfETag, multipartETag } from '../../../lib/checksums/etag.js'

const MD5 = '0123456789abcdef0123456789abcdef'

t.test("the object's ETag is computed from the parts' MD5s, and unknown if one of them is unknown", async (t) => {
  t.match(multipartETag([MD5, MD5, MD5]), /^[0-9a-f]{32}-3$/)
  t.equal(multipartETag([MD5, undefined]), undefined)
})

t.test('an ETag under SSE-KMS or SSE-C, or in a directory bucket, is not an MD5', async (t) => {
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

t.test('an ETag of 32 hexadecimal digits is an MD5, in capitals too, with quotes or without', async (t) => {
  for (const ETag of [MD5, `"${MD5}"`, MD5.toUpperCase(), `"${MD5.toUpperCase()}"`]) t.equal(md5OfETag(ETag), MD5)
  for (const ETag of [`${MD5}-2`, MD5.slice(1), 'CIrjqYH8oe0CEAE=', '']) t.equal(md5OfETag(ETag), undefined)
})
