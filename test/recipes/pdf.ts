/** Uploads images as a PDF with one page for each, while it is made. Usage: pdf BUCKET KEY IMAGE… */
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import { S3Client } from '@aws-sdk/client-s3'
import PDFDocument from 'pdfkit'
import { s3Writable } from 's3-writable'

const [Bucket = '', Key = '', ...images] = process.argv.slice(2)
const album = new PDFDocument({ autoFirstPage: false })
await using upload = s3Writable({ client: new S3Client(), Bucket, Key, ContentType: 'application/pdf' })

async function addPages(): Promise<void> {
  for (const image of images) {
    album.addPage().image(image, { fit: [468, 648] })
    // pdfkit makes pages whether they are read or not. Wait for S3, or let the pipeline take this one.
    await (upload.writableNeedDrain ? once(upload, 'drain') : setImmediate())
    if (upload.destroyed) return
  }
  album.end()
}
// The pipeline waits until the document is ended or destroyed, so destroy it if a page fails.
addPages().catch((error) => album.destroy(error))
await pipeline(album, upload)
