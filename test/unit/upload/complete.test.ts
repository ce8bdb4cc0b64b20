import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { checkOptions } from '../../../lib/options/check.js'
import { Requests } from '../../../lib/requests/requests.js'
import { completeUpload } from '../../../lib/upload/complete.js'

t.test('S3 is never asked to make an object of parts with a gap', async (t) => {
  const client = new S3Client({ region: 'us-east-1' })
  const { signal } = new AbortController()
  const requests = new Requests(checkOptions({ client, Bucket: 'b', Key: 'k' }), () => false)
  const upload = {
    UploadId: 'id',
    parts: [2, 3].map((PartNumber) => ({ listed: { PartNumber, ETag: 'e' }, crc: 0, size: 1, md5: undefined })),
    full: { crc: 0, size: 3 },
    streamed: { crc: 0, size: 3 },
    partsBeforePoint: 0,
    leaveParts: false,
    isAborted: () => false,
  }
  await t.rejects(completeUpload(requests, upload, signal), {
    code: 'ERR_S3_INTEGRITY',
    message: 's3://b/k: part 1 of 2 is missing',
    UploadId: 'id',
  })
})
