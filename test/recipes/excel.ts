/**
 * Uploads objects as an Excel workbook. Standard input has one object in JSON on each line; the first has the names of
 * the columns. If a line is not JSON, there is no workbook. Usage: COMMAND | excel BUCKET KEY
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { S3Client } from '@aws-sdk/client-s3'
import excel from 'exceljs'
import { s3Writable } from 's3-writable'

const [Bucket = '', Key = ''] = process.argv.slice(2)
const ContentType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
await using upload = s3Writable({ client: new S3Client(), Bucket, Key, ContentType })

async function writeWorkbook(): Promise<void> {
  const workbook = new excel.stream.xlsx.WorkbookWriter({ stream: upload })
  const sheet = workbook.addWorksheet('Rows')
  for await (const line of createInterface({ input: process.stdin })) {
    const row: Record<string, excel.CellValue> = JSON.parse(line)
    if (sheet.columns === null) sheet.columns = Object.keys(row).map((key) => ({ header: key, key }))
    sheet.addRow(row).commit()
    // exceljs keeps all rows in memory that it could not compress and write yet. Wait for S3, or let it work.
    await (upload.writableNeedDrain ? once(upload, 'drain') : setImmediate())
    if (upload.destroyed) return
  }
  await workbook.commit()
}
// exceljs listens for errors only during commit(), which never settles if the upload has failed before. done() rejects.
await Promise.all([writeWorkbook(), upload.done()])
