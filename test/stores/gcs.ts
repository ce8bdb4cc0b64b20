import { createHash } from 'node:crypto'
import { playedStore } from './played/played-store.js'
import { CHECKSUM_HEADER, CHECKSUM_IN_ANSWER } from './played/rules.js'
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
      CHECKSUM_HEADER.test(header) || (operation === 'CompleteMultipartUpload' && /^if-/.test(header)),
    hides: CHECKSUM_IN_ANSWER,
    ETag: (ETag) => (ETag.includes('-') ? createHash('md5').update(ETag).digest('base64url') : ETag),
    completeTakes: 500,
  },
)
