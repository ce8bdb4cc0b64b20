import { playedStore } from './played/played-store.js'
import { refusedHeader } from './played/rules.js'
import { TAGGING } from './runner/limits.js'

/** Backblaze B2: https://www.backblaze.com/docs/cloud-storage-s3-compatible-api */
export const b2 = playedStore(
  {
    name: 'b2',
    title: 'Backblaze B2',
    client: { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' },
    limits: [
      {
        answer: 'every checksum header: 400 InvalidArgument',
        checks: [
          'ChecksumType FULL_OBJECT makes an object',
          'ChecksumAlgorithm SHA256 makes an object',
          'ChecksumAlgorithm CRC32C makes an object',
          'ChecksumAlgorithm CRC64NVME makes an object',
          'a wrong ChecksumSHA256 publishes nothing, small object',
          'a wrong ChecksumSHA256 publishes nothing, large object',
        ],
      },
      { answer: '`Tagging`: 400 InvalidArgument', checks: TAGGING },
    ],
  },
  {
    refuses: (request) =>
      refusedHeader(request, /^x-amz-((sdk-)?checksum-|tagging$)/, (name) => ({
        status: 400,
        Code: 'InvalidArgument',
        Message: `Unsupported header '${name}' received for this API call.`,
      })),
  },
)
