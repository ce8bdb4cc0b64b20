import type { CompletedPart, CompleteMultipartUploadCommandOutput } from '@aws-sdk/client-s3'
import { crc32Base64, type SizeAndCrc } from '../checksums/crc32.js'
import { answeredStatus, isRefused } from '../errors/causes.js'
import type { S3WritableError } from '../errors/s3-writable-error.js'
import { wasNotCarriedOut } from '../requests/answer.js'
import type { CompleteRequestOptions, Requests } from '../requests/requests.js'
import type { StoredPart } from './stored-parts.js'

/**
 * Sends CompleteMultipartUpload with the list of the parts, with or without their checksums: some stores demand them, and
 * others refuse a list that has them (Swift).
 *
 * 1. List the checksums where S3 has named the upload's algorithm, in its answer to Create or ListParts. Every store that
 *    is known to demand them does so.
 * 2. Otherwise list none. If S3 refuses that list for good with InvalidRequest, it may demand the checksums all the same:
 *    SeaweedFS does, and its ListParts does not show the algorithm. So send the list once more with them. Nothing was made,
 *    because S3 itself refused every attempt.
 * 3. If that is not possible, or is refused too, an upload that another stream began may have declared another algorithm.
 *    Fail with ERR_S3_RESUME then, which leaves its parts for another try.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */
export async function sendComplete(
  requests: Requests,
  { UploadId, parts, full }: { UploadId: string; parts: StoredPart[]; full: SizeAndCrc },
  options: Required<CompleteRequestOptions>,
): Promise<CompleteMultipartUploadCommandOutput> {
  const send = (list: CompletedPart[]): Promise<CompleteMultipartUploadCommandOutput> =>
    requests.complete(UploadId, list, full, options)
  // 1.
  if (requests.listsChecksums) return await send(parts.map(({ listed }) => listed))
  // 2.
  let refusal: S3WritableError
  try {
    return await send(parts.map(({ listed: { PartNumber, ETag } }) => ({ PartNumber, ETag })))
  } catch (error) {
    refusal = error as S3WritableError
    if (!mayDemandChecksums(refusal) || !options.attempts.every(wasNotCarriedOut)) throw error
  }
  const { ChecksumAlgorithm } = await requests.declared()
  const withChecksums = parts.map((part) => listedWithChecksum(part, ChecksumAlgorithm))
  const canList = withChecksums.every((listed) => listed !== undefined)
  if (!requests.isResumed && (ChecksumAlgorithm === undefined || !canList)) throw refusal
  try {
    if (canList) return await send(withChecksums)
  } catch (error) {
    if (!isRefused(error) || !options.attempts.every(wasNotCarriedOut)) throw error
  }
  // 3.
  if (!requests.isResumed) throw refusal
  const why = canList
    ? 'with their CRC-32 and without it. The upload may have been created with another ChecksumAlgorithm, which ListParts does not show'
    : 'without their checksums, and ListParts does not show those of the parts before the offset. Resume from the start, by { UploadId }'
  const context = { UploadId, operation: 'CompleteMultipartUpload', cause: refusal.cause }
  throw requests.error(
    'ERR_S3_RESUME',
    `S3 refused the list of the parts ${why}. The upload was left as it is`,
    context,
  )
}

/** Whether S3's refusal may mean that the list must have the checksums of the parts. Swift has the code for another refusal. */
function mayDemandChecksums(error: S3WritableError): boolean {
  return error.name === 'InvalidRequest' && answeredStatus(error) === 400
}

/** The part as Complete lists it, with its checksum; undefined if that is not known. */
function listedWithChecksum({ listed, crc }: StoredPart, algorithm = 'CRC32'): CompletedPart | undefined {
  if (`Checksum${algorithm}` in listed) return listed
  return algorithm === 'CRC32' && crc !== undefined ? { ...listed, ChecksumCRC32: crc32Base64(crc) } : undefined
}
