/** Uploads the response of a URL, with its Content-Type and Content-Length. Usage: fetch URL BUCKET KEY */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'

const [url = '', Bucket = '', Key = ''] = process.argv.slice(2)
const response = await fetch(url)
if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`)
const { headers } = response
// fetch decodes the body, so Content-Length is wrong if there is a Content-Encoding.
const length = headers.has('content-encoding') ? null : headers.get('content-length')
await using upload = s3Writable({
  client: new S3Client(),
  Bucket,
  Key,
  ContentType: headers.get('content-type') ?? undefined,
  ContentLength: length === null ? undefined : Number(length),
})
await pipeline(Readable.fromWeb(response.body), upload)
console.log(upload.result?.size)
