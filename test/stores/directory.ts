import { createHash } from 'node:crypto'
import { playedStore } from './played/played-store.js'
import { type PlayedRequest, type Refusal, refusedHeader } from './played/rules.js'
import { CUSTOMER_KEY, TAGGING } from './runner/limits.js'

/** S3 Express: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html */
export const directory = playedStore(
  {
    name: 'directory',
    title: 'S3 directory buckets',
    bucketSuffix: '--use1-az4--x-s3',
    limits: [
      { answer: '`Tagging`: 501 NotImplemented', checks: TAGGING },
      { answer: 'SSE-C: 501 NotImplemented', checks: CUSTOMER_KEY },
      { answer: '`ContentMD5`: 501 NotImplemented', checks: ['a wrong ContentMD5 publishes nothing, small object'] },
    ],
  },
  {
    refuses: (request) =>
      refusedHeader(request, /^(content-md5|x-amz-tagging|x-amz-server-side-encryption-customer-.*)$/, () => ({
        status: 501,
        Code: 'NotImplemented',
        Message: 'A header you provided implies functionality that is not implemented',
      })) ??
      refusedParts(request) ??
      refusedPrefix(request),
    ETag: (ETag) => createHash('sha256').update(ETag).digest('base64url'),
    sessions: true,
    // MinIO takes a prefix for a whole key.
    dropsFromQuery: ['prefix'],
  },
)

/** The parts must be numbered from 1 without a gap. */
function refusedParts({ parts }: PlayedRequest): Refusal | undefined {
  if (parts.every(({ PartNumber }, i) => PartNumber === i + 1)) return undefined
  return { status: 400, Code: 'InvalidPartOrder', Message: 'The parts are not numbered from 1 without a gap' }
}

function refusedPrefix({ operation, query }: PlayedRequest): Refusal | undefined {
  if (operation !== 'ListMultipartUploads' || /^$|\/$/.test(query.get('prefix') ?? '')) return undefined
  const Message = 'This bucket does not support a prefix that does not end in a delimiter'
  return { status: 400, Code: 'InvalidRequest', Message }
}
