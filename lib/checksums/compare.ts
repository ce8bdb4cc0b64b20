/**
 * The values that a checksum in S3's answer may have, by parameter name. There may be several: the checksum of the full
 * object, and the checksum of the parts' checksums.
 */
export type ExpectedChecksums = Record<string, readonly (string | undefined)[]>

/** Base64, followed by the number of parts if it is a checksum of checksums. */
const CHECKSUM = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?:-\d+)?$/

/** The checksum of this name in an answer; undefined if it is missing, empty or malformed. */
export function checksumIn(answer: object, name: string): string | undefined {
  const value = (answer as Record<string, unknown>)[name]
  return typeof value === 'string' && value !== '' && CHECKSUM.test(value) ? value : undefined
}

/** Why a checksum in the answer contradicts the bytes; undefined if none does. Unexpected checksums are ignored. */
export function checksumProblem(answer: object, expected: ExpectedChecksums): string | undefined {
  for (const name of Object.keys(expected)) {
    const stored = checksumIn(answer, name)
    if (stored === undefined) continue
    const values = expected[name] as readonly (string | undefined)[]
    if (values.includes(stored)) continue
    // A store may answer with the other kind of checksum, which is not known here. One of another length is malformed.
    const comparable = values.filter((value) => value !== undefined && shape(value) === shape(stored))
    if (comparable.length === 0) continue
    return `the bytes sent have ${name} ${comparable.join(' or ')}, but S3 stored ${stored}`
  }
  return undefined
}

/** The number of bytes in the checksum, and whether it is a checksum of checksums. */
function shape(checksum: string): string {
  const [base64 = '', parts] = checksum.split('-')
  return `${Buffer.from(base64, 'base64').length} ${parts === undefined}`
}
