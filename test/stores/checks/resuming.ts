import { pipeline } from 'node:stream/promises'
import { type Resume, resumePoint } from 's3-writable'
import { P } from '../../support/bytes.js'
import { equal, failure, inOneLine, ok } from './assert.js'
import type { Checks } from './check.js'
import { untilAcknowledged } from './failures.js'
import {
  Bucket,
  client,
  closed,
  data,
  failedWith,
  holds,
  newKey,
  nothingIsLeft,
  put,
  source,
  upload,
} from './target.js'

const SIZE = 5 * P + 9

/** Leaves an upload with three parts, and none on the way. Resolves with its `UploadId`. */
export async function leaveUpload(Key: string): Promise<string> {
  const error: Error & { UploadId?: string } = new Error('The source failed')
  const stream = upload(Key, { leavePartsOnError: true })
  const until = (): Promise<void> => untilAcknowledged(stream, 3 * P)
  failedWith(await failure(pipeline(source(data(3.5 * P), error, until), stream)), error)
  await closed(stream)
  ok(error.UploadId, 'the error names no UploadId')
  return error.UploadId
}

/** Resumes an upload that was left, and asserts that it becomes the object and that parts are not sent again. */
async function resumed(how: (UploadId: string) => Resume): Promise<void> {
  const Key = newKey()
  const UploadId = await leaveUpload(Key)
  const { skipped = 0 } = await put(Key, data(SIZE), { resume: how(UploadId) })
  await holds(Key, data(SIZE))
  await nothingIsLeft(Key)
  equal(skipped, 3 * P, 'the bytes that were not sent again')
}

/** Resumes from a point, with the bytes that follow it. */
async function resumedAtPoint(how: (UploadId: string) => { UploadId?: string }): Promise<void> {
  const Key = newKey()
  const UploadId = await leaveUpload(Key)
  const point = await resumePoint({ client, Bucket, Key, ...how(UploadId) })
  equal(point.UploadId, UploadId, 'the UploadId of the point')
  equal(point.offset, 3 * P, 'the offset of the point')
  await put(Key, data(SIZE).subarray(point.offset), { resume: point })
  await holds(Key, data(SIZE))
}

export const resuming: Checks = {
  'resume: true continues the upload of the key': () => resumed(() => true),
  'resume with an UploadId continues that upload': () => resumed((UploadId) => ({ UploadId })),
  'a point of an UploadId is where the upload continues': () => resumedAtPoint((UploadId) => ({ UploadId })),
  'a point of a key is where its upload continues': () => resumedAtPoint(() => ({})),
  'resume sends a part again that has changed': async () => {
    const Key = newKey()
    const UploadId = await leaveUpload(Key)
    const changed = Buffer.from(data(SIZE))
    changed[10] = (changed[10] as number) ^ 255
    await put(Key, changed, { resume: { UploadId } })
    await holds(Key, changed)
  },
  'resume of a completed upload is refused, and its object stays': async () => {
    const Key = newKey()
    const { UploadId = '' } = await put(Key, data(3 * P + 9))
    const error = await failure(put(Key, data(3 * P + 9), { resume: { UploadId } }))
    equal(error.code, 'ERR_S3_RESUME', `the code of "${inOneLine(error)}"`)
    await holds(Key, data(3 * P + 9))
  },
  'resume of a key without an upload is refused': async () => {
    const error = await failure(put(newKey(), data(100), { resume: true }))
    equal(error.code, 'ERR_S3_RESUME', `the code of "${inOneLine(error)}"`)
  },
}
