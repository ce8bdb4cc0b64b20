import { createHash } from 'node:crypto'
import { playedStore } from './played/played-store.js'
import { NO_PROOF_WITH_CONDITION } from './runner/limits.js'

/**
 * Google Cloud Storage. An object of parts has an ETag that is not made of MD5s, and Complete may take minutes:
 * https://cloud.google.com/storage/docs/xml-api/post-object-complete
 */
export const gcs = playedStore(
  {
    name: 'gcs',
    title: 'Google Cloud Storage',
    limits: [
      {
        answer: 'Complete ignores `IfNoneMatch`: the existing object is overwritten',
        checks: ['IfNoneMatch keeps the existing object, large object'],
      },
      NO_PROOF_WITH_CONDITION,
    ],
  },
  {
    ignores: (header, operation) =>
      /^x-amz-(sdk-)?checksum-/.test(header) || (operation === 'CompleteMultipartUpload' && /^if-/.test(header)),
    hides: /^(x-amz-checksum-.*|checksum.*)$/,
    ETag: (ETag) => (ETag.includes('-') ? createHash('md5').update(ETag).digest('base64url') : ETag),
    completeTakes: 500,
  },
)
