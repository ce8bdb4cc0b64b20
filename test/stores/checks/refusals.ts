import { S3WritableError } from 's3-writable'
import { P } from '../../support/bytes.js'
import { equal, failure, inOneLine, ok } from './assert.js'
import type { Checks } from './check.js'
import { setting } from './setting.js'
import { bucketName, clientWith, data, holds, newKey, nothingIsLeft, put } from './target.js'

async function wrongSecret(size: number): Promise<void> {
  const { accessKeyId } = setting
  const client = clientWith({ credentials: { accessKeyId, secretAccessKey: 'wrong-wrong-wrong' } })
  const error = await failure(put(newKey(), data(size), { client }))
  ok(error instanceof S3WritableError, `it failed with another error: ${inOneLine(error)}`)
  equal(error.code, 'ERR_S3_REQUEST', 'the code of the error')
}

async function missingBucket(size: number): Promise<void> {
  const error = await failure(put(newKey(), data(size), { Bucket: bucketName('no-such-bucket-here') }))
  ok(error instanceof S3WritableError, `it failed with another error: ${inOneLine(error)}`)
  equal(error.name, 'NoSuchBucket', 'the name of the error')
}

async function existingKey(size: number): Promise<void> {
  const Key = newKey()
  const old = Buffer.from('old')
  await put(Key, old)
  const error = await failure(put(Key, data(size), { IfNoneMatch: '*' }))
  await holds(Key, old)
  await nothingIsLeft(Key)
  equal(error.name, 'PreconditionFailed', 'the name of the error')
}

async function freshKey(size: number): Promise<void> {
  const Key = newKey()
  await put(Key, data(size), { IfNoneMatch: '*' })
  await holds(Key, data(size))
}

export const refusals: Checks = {
  'a wrong secret is refused, small object': () => wrongSecret(100),
  'a wrong secret is refused, large object': () => wrongSecret(3 * P),
  'a missing bucket is NoSuchBucket, small object': () => missingBucket(100),
  'a missing bucket is NoSuchBucket, large object': () => missingBucket(3 * P),
  'IfNoneMatch keeps the existing object, small object': () => existingKey(100),
  'IfNoneMatch keeps the existing object, large object': () => existingKey(2 * P + 1),
  'IfNoneMatch makes a new object, small object': () => freshKey(100),
  'IfNoneMatch makes a new object, large object': () => freshKey(2 * P + 1),
}
