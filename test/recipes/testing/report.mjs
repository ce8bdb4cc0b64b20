import { pipeline } from 'node:stream/promises'
import { s3Writable } from 's3-writable'

/** The code under test: stores rows as an object that is named after the day, and gives up after a minute. */
export async function storeReport(client, rows) {
  const Key = `${new Date().toISOString().slice(0, 10)}.txt`
  const upload = s3Writable({ client, Bucket: 'reports', Key })
  const timer = setTimeout(() => upload.destroy(new Error('The report took more than a minute')), 60_000)
  try {
    // If the rows fail, this rejects at once. done() rejects with the same error when the parts have been removed.
    await pipeline(rows, upload).catch(() => {})
    return await upload.done()
  } finally {
    clearTimeout(timer)
  }
}
