import { createHash, randomBytes } from 'node:crypto'
import { GetObjectTaggingCommand } from '@aws-sdk/client-s3'
import { P } from '../../support/bytes.js'
import { equal, ok, settled } from './assert.js'
import type { Checks } from './check.js'
import { Bucket, data, head, holds, newKey, plain, put } from './target.js'

const PARAMETERS = {
  ContentType: 'text/x-probe; charset=utf-8',
  Metadata: { colour: 'green', 'two-words': 'a b' },
  CacheControl: 'max-age=77',
  ContentDisposition: 'attachment; filename="x.txt"',
  ContentLanguage: 'de',
  ContentEncoding: 'gzip',
}

async function described(size: number): Promise<void> {
  const Key = newKey()
  await put(Key, data(size), PARAMETERS)
  const { Metadata = {}, ...answer } = await head(Key)
  const sorted = Object.fromEntries(Object.entries(Metadata).sort())
  const seen = Object.keys(PARAMETERS).map((name) => [
    name,
    name === 'Metadata' ? sorted : answer[name as keyof typeof answer],
  ])
  equal(JSON.stringify(Object.fromEntries(seen)), JSON.stringify(PARAMETERS), 'what HeadObject answers')
}

async function tagged(size: number): Promise<void> {
  const Key = newKey()
  await put(Key, data(size), { Tagging: 'a=b&c%20d=e' })
  const { TagSet = [] } = await plain.send(new GetObjectTaggingCommand({ Bucket, Key }))
  const tags = TagSet.map((tag) => `${tag.Key}=${tag.Value}`)
  equal(tags.sort().join('&'), 'a=b&c d=e', 'the tags of the object')
}

async function encrypted(size: number): Promise<void> {
  const Key = newKey()
  await put(Key, data(size), { ServerSideEncryption: 'AES256' })
  await holds(Key, data(size))
  equal((await head(Key)).ServerSideEncryption, 'AES256', 'the ServerSideEncryption that HeadObject answers')
}

async function encryptedWithKey(size: number): Promise<void> {
  const Key = newKey()
  const key = randomBytes(32)
  const parameters = {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  }
  await put(Key, data(size), parameters)
  await holds(Key, data(size), parameters)
  ok((await settled(head(Key))).error, 'the object is read without the key')
}

export const parameters: Checks = {
  'parameters that describe the object are kept, small object': () => described(100),
  'parameters that describe the object are kept, large object': () => described(2 * P + 1),
  'Tagging is kept, small object': () => tagged(100),
  'Tagging is kept, large object': () => tagged(2 * P),
  'ServerSideEncryption AES256 is kept, small object': () => encrypted(100),
  'ServerSideEncryption AES256 is kept, large object': () => encrypted(2 * P),
  "an object is encrypted with the customer's key, small object": () => encryptedWithKey(100),
  "an object is encrypted with the customer's key, large object": () => encryptedWithKey(2 * P),
}
