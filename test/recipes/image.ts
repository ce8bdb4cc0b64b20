/**
 * Makes an image smaller, as WebP. The image is an object of the bucket, or standard input where FROM is `-`. If it is
 * not an image, or incomplete, there is no object. Usage: image WIDTH FROM BUCKET KEY
 */
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import sharp from 'sharp'

const [width = '', from = '', Bucket = '', Key = ''] = process.argv.slice(2)
const client = new S3Client()
const source = from === '-' ? process.stdin : (await client.send(new GetObjectCommand({ Bucket, Key: from }))).Body
const small = sharp().autoOrient().resize(Number(width)).webp()
await using upload = s3Writable({ client, Bucket, Key, ContentType: 'image/webp' })
// Not .pipe(): after an error sharp ends its output, so that an empty object would be stored.
await pipeline(source as Readable, small, upload)
