import { playedStore } from './played/played-store.js'
import { notImplemented, type PlayedRequest, type Refusal, refusedHeader } from './played/rules.js'
import { ENCRYPTION, TAGGING } from './runner/limits.js'

/** Tags, and encryption but for that with the customer's key. */
const NOT_IMPLEMENTED = /^x-amz-(tagging|server-side-encryption(?!-customer).*)$/
const KNOWN_CHECKSUM = /^(CRC32|CRC32C|CRC64NVME|SHA1|SHA256)$/

/**
 * Cloudflare R2: https://developers.cloudflare.com/r2/api/s3/api/ and
 * https://developers.cloudflare.com/r2/objects/multipart-objects/
 */
export const r2 = playedStore(
  {
    name: 'r2',
    title: 'Cloudflare R2',
    limits: [
      {
        answer: 'a CRC-32 with `ChecksumType: FULL_OBJECT`: 501 NotImplemented',
        checks: ['ChecksumType FULL_OBJECT makes an object'],
      },
      {
        answer:
          'parts of different sizes: 400 InvalidPart at Complete. `equalParts: true` or `ContentLength` keeps parts from growing',
        checks: ['parts that grow make an object'],
      },
      { answer: '`Tagging`: 501 NotImplemented', checks: TAGGING },
      { answer: '`ServerSideEncryption`: 501 NotImplemented', checks: ENCRYPTION },
    ],
  },
  {
    refuses: (request) =>
      refusedHeader(request, NOT_IMPLEMENTED, notImplemented) ?? refusedChecksum(request) ?? refusedParts(request),
  },
)

function refusedChecksum({ headers }: PlayedRequest): Refusal | undefined {
  const { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type } = headers
  if (typeof algorithm === 'string' && !KNOWN_CHECKSUM.test(algorithm)) {
    return notImplemented('x-amz-checksum-algorithm', algorithm)
  }
  const isOfWhole = algorithm === 'CRC64NVME'
  if (algorithm !== undefined && type !== undefined && (type === 'FULL_OBJECT') !== isOfWhole)
    return notImplemented('x-amz-checksum-type', `${type}`)
  return undefined
}

function refusedParts({ parts }: PlayedRequest): Refusal | undefined {
  const size = parts[0]?.size
  if (parts.slice(0, -1).every((part) => part.size === size) && (parts.at(-1)?.size ?? 0) <= (size ?? 0))
    return undefined
  return { status: 400, Code: 'InvalidPart', Message: 'All non-trailing parts must have the same length.' }
}
