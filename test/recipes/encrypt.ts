/**
 * Encrypted before it leaves: AES-256-GCM, the nonce before the bytes and the tag after them, all in one object. The key is
 * in KEY, 32 bytes in hexadecimal. Usage: bytes | encrypt BUCKET KEY
 */
import { createCipheriv, randomBytes } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'

const [Bucket = '', Key = ''] = process.argv.slice(2)
const nonce = randomBytes(12)
const cipher = createCipheriv('aes-256-gcm', Buffer.from(process.env.KEY ?? '', 'hex'), nonce)

async function* encrypted(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield nonce
  for await (const chunk of source) yield cipher.update(chunk)
  yield cipher.final()
  yield cipher.getAuthTag()
}
await using upload = s3Writable({ client: new S3Client(), Bucket, Key })
await pipeline(process.stdin, encrypted, upload)
