/**
 * Encrypts standard input by AES-256-GCM before it is uploaded. The object holds the nonce (12 bytes), the encrypted
 * bytes and the authentication tag (16 bytes). The environment variable KEY holds the key, 32 bytes in hexadecimal.
 * Usage: COMMAND | KEY=… encrypt BUCKET KEY
 */
import { createCipheriv, randomBytes } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'

const [Bucket = '', Key = ''] = process.argv.slice(2)
const nonce = randomBytes(12)
const cipher = createCipheriv('aes-256-gcm', Buffer.from(process.env.KEY ?? '', 'hex'), nonce)

async function* encrypt(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield nonce
  for await (const chunk of source) yield cipher.update(chunk)
  yield cipher.final()
  yield cipher.getAuthTag()
}
await using upload = s3Writable({ client: new S3Client(), Bucket, Key })
await pipeline(process.stdin, encrypt, upload)
