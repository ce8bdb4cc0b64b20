import { UploadPartCommand } from '@aws-sdk/client-s3'
import { isComputedHere } from '../checksums/hash.js'
import { describeCause } from '../errors/causes.js'
import { invalidOption } from '../errors/invalid-option.js'
import type { CheckedOptions } from '../options/types.js'

/** Only the SDK's own words on checksums count: another failure, such as a missing region, belongs to the first request. */
const ABOUT_CHECKSUMS = /checksum|algorithm/i

/**
 * Checks that the client can compute the checksum of parts, where that is left to it. An SDK that does not know the
 * algorithm, or needs another package for it, would fail part by part. So this is checked when the stream is made, and again
 * before there is an upload, because then a checksum of the full object may have named the algorithm.
 *
 * The SDK cannot be asked for that. So a part is prepared, and middleware behind the one that computes the checksum answers
 * it, before it is signed. Nothing is sent.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE`, with the SDK's words on what is missing.
 */
export async function checkClientChecksum(
  { client, Bucket, Key }: Pick<CheckedOptions, 'client' | 'Bucket' | 'Key'>,
  ChecksumAlgorithm: string | undefined,
): Promise<void> {
  if (ChecksumAlgorithm === undefined || isComputedHere(ChecksumAlgorithm)) return
  const params = { Bucket, Key, UploadId: 'none', PartNumber: 1, Body: Buffer.of(0), ChecksumAlgorithm }
  const command = new UploadPartCommand(params as never)
  const answer = async (): Promise<never> => ({ response: {}, output: { $metadata: {} } }) as never
  command.middlewareStack.add(() => answer, { step: 'build', priority: 'low', name: 's3WritablePrepared' })
  try {
    await client.send(command, {})
  } catch (error) {
    const why = describeCause(error)
    if (!ABOUT_CHECKSUMS.test(why)) return
    const expected = `an algorithm that the client can compute (${why})`
    throw invalidOption('ERR_INVALID_ARG_VALUE', 'ChecksumAlgorithm', expected, ChecksumAlgorithm)
  }
}
