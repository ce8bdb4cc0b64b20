import { abortUpload, listParts, listUploads } from 's3-writable'
import { P } from '../../support/bytes.js'
import { equal, inOneLine, ok, settled } from './assert.js'
import type { Checks } from './check.js'
import { leaveUpload } from './resuming.js'
import { Bucket, beginUpload, client, data, holds, newKey, nothingIsLeft, put } from './target.js'

/** The uploads that `listUploads` gives, which must end. */
async function listed(Prefix?: string): Promise<{ Key: string; UploadId: string }[]> {
  const found: { Key: string; UploadId: string }[] = []
  for await (const { Key = '', UploadId = '' } of listUploads({
    client,
    Bucket,
    ...(Prefix === undefined ? {} : { Prefix }),
  })) {
    found.push({ Key, UploadId })
    ok(found.length <= 200, `listUploads has given ${found.length} uploads, and does not end`)
  }
  return found
}

const keysOf = (uploads: { Key: string }[]): string =>
  uploads
    .map(({ Key }) => Key)
    .sort()
    .join()

const SPECIAL = ['a b/c+d=e&f%20g.txt', 'ünï/日本語 😀.bin', "quote'(1)!*~@$,;:", 'dots/..hidden/z', 'q?uery#hash']

/** Does something with each of the special keys, and says for which it fails. */
async function forSpecialKeys(act: (Key: string) => Promise<void>): Promise<void> {
  const failed: string[] = []
  for (const Key of SPECIAL) {
    const { error } = await settled(act(Key))
    if (error !== undefined) failed.push(`${Key}: ${inOneLine(error)}`)
  }
  equal(failed.join('; '), '', 'what fails')
}

async function stored(Key: string): Promise<void> {
  for (const size of [10, P + 10]) {
    await put(Key, data(size))
    await holds(Key, data(size))
    await nothingIsLeft(Key)
  }
}

async function listedAndAborted(Key: string): Promise<void> {
  const UploadId = await leaveUpload(Key)
  const uploads = await listed(Key)
  await abortUpload({ client, Bucket, Key, UploadId })
  ok(
    uploads.some((one) => one.Key === Key),
    `listUploads gives ${keysOf(uploads) || 'no upload'}`,
  )
  await nothingIsLeft(Key)
}

export const listings: Checks = {
  'listUploads gives all uploads, or those of a prefix': async () => {
    const keys = ['i/1', 'i/2', 'j/3']
    for (const Key of keys) await beginUpload(Key)
    const mine = (await listed()).filter(({ Key }) => keys.includes(Key))
    equal(keysOf(mine), keys.join(), 'the keys that listUploads gives')
    equal(keysOf(await listed('i/')), 'i/1,i/2', 'the keys that listUploads gives of the prefix i/')
    for (const one of mine) await abortUpload({ client, Bucket, ...one })
    const left = (await listed()).filter(({ Key }) => keys.includes(Key))
    equal(keysOf(left), '', 'the keys that listUploads gives when all are aborted')
  },
  'abortUpload of an upload that no longer exists succeeds': async () => {
    const Key = newKey()
    const UploadId = await beginUpload(Key)
    await abortUpload({ client, Bucket, Key, UploadId })
    await abortUpload({ client, Bucket, Key, UploadId })
  },
  'listParts gives the parts of an upload': async () => {
    const Key = newKey()
    const UploadId = await leaveUpload(Key)
    const parts = []
    for await (const part of listParts({ client, Bucket, Key, UploadId })) parts.push(part)
    await abortUpload({ client, Bucket, Key, UploadId })
    await nothingIsLeft(Key)
    equal(parts[0]?.Size, P, 'the size of the first part')
    ok(parts[0]?.ETag, 'the first part has no ETag')
  },
  'keys of any characters are stored': () => forSpecialKeys(stored),
  'uploads of keys of any characters are listed and aborted': () => forSpecialKeys(listedAndAborted),
}
