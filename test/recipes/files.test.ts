import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import excel from 'exceljs'
import sharp from 'sharp'
import t from 'tap'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, MiB } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { NO_BUCKET, PART_DENIED, partsDenied, runRecipe, startRecipe } from '../support/recipe.js'
import { head, makeBucket, read, s3Client } from '../support/store.js'
import { unzip } from '../support/unzip.js'

/** Rows, one in JSON on each line, of which even the compressed ones are larger than a part. */
const large = Array.from({ length: 12 * 64 }, (_, i) => ({ n: i, text: bytes(12 * 1024, i % 256).toString('base64') }))
const toLines = (rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const notJson = { code: 1, stderr: /SyntaxError.*is not valid JSON/ }

/** A JPEG of noise, which compresses badly. */
async function noise(width: number, height: number, seed = 1): Promise<Buffer> {
  const raw = { width, height, channels: 3 } as const
  return await sharp(bytes(width * height * 3, seed), { raw })
    .jpeg({ quality: 95 })
    .toBuffer()
}

t.test('zip: many objects become one archive, and there is none if one of them or a part fails', async (t) => {
  const Bucket = await makeBucket(t)
  const client = s3Client(t)
  const sizes = { 'in/a': 0, 'in/b': 100_000, 'in/sub/': 0, 'in/sub/c': 9 * MiB, 'out/d': 5 }
  for (const [Key, size] of Object.entries(sizes)) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: bytes(size) }))
  }
  t.match(await runRecipe('zip', [Bucket, 'in/', 'all.zip']), { code: 0, stderr: '' })
  t.equal((await head(Bucket, 'all.zip'))?.ContentType, 'application/zip')
  const files = unzip(await read(Bucket, 'all.zip'))
  t.same(Object.keys(files), ['in/a', 'in/b', 'in/sub/', 'in/sub/c'])
  for (const [name, file] of Object.entries(files)) {
    t.ok(file.equals(bytes(sizes[name as keyof typeof sizes])), `${name} is in the archive`)
  }

  const proxy = await faultProxy(t, {
    fault: ({ operation, url }) =>
      operation === 'GetObject' && url.includes('in/sub/c') ? { do: 'cut answer' } : undefined,
  })
  const broken = await runRecipe('zip', [Bucket, 'in/', 'no.zip'], '', { AWS_ENDPOINT_URL: proxy.url })
  t.match(broken, { code: 1, stderr: /aborted/ })
  t.match(await runRecipe('zip', [Bucket, 'in/', 'no.zip'], '', await partsDenied(t)), PART_DENIED)
  await nothingIsLeft(t, Bucket, 'no.zip')
})

t.test('excel: rows become a workbook, and there is none if a row or a part fails', async (t) => {
  const Bucket = await makeBucket(t)
  const rows = [
    { name: 'Ada <&> "Ü"', born: 1815 },
    { name: 'Grace', born: 1906 },
  ]
  t.match(await runRecipe('excel', [Bucket, 'k'], toLines(rows)), { code: 0, stderr: '' })
  t.match((await head(Bucket, 'k'))?.ContentType, /spreadsheetml\.sheet$/)
  const object = await read(Bucket, 'k')
  t.ok(unzip(object)['xl/workbook.xml'])
  const workbook = new excel.Workbook()
  await workbook.xlsx.load(object.buffer as ArrayBuffer)
  const values: unknown[] = []
  workbook.worksheets[0]?.eachRow((row) => values.push(Object.values(row.values)))
  t.same(values, [
    ['name', 'born'],
    ['Ada <&> "Ü"', 1815],
    ['Grace', 1906],
  ])

  t.match(await runRecipe('excel', [Bucket, 'no'], `${toLines(large)}no JSON`), notJson)
  t.match(await runRecipe('excel', [Bucket, 'no'], toLines(large), await partsDenied(t)), PART_DENIED)
  await nothingIsLeft(t, Bucket, 'no')
  // It does not wait for the next row, or for commit(), which would never settle.
  const waiting = startRecipe('excel', ['no-such-bucket-here', 'no'])
  waiting.stdin?.on('error', () => {}).write(toLines(large))
  const [[code], stderr] = await Promise.all([once(waiting, 'exit'), text(waiting.stderr as Readable)])
  t.match({ code, stderr }, NO_BUCKET)
})

t.test('pdf: images become a PDF, and there is none if an image or a part fails', async (t) => {
  const Bucket = await makeBucket(t)
  const folder = t.testdir()
  const images = await Promise.all([1, 2, 3].map((seed) => noise(2400, 1600, seed)))
  const files = images.map((_, i) => join(folder, `${i}.jpg`))
  for (const [i, image] of images.entries()) writeFileSync(files[i] as string, image)
  t.match(await runRecipe('pdf', [Bucket, 'k', ...files]), { code: 0, stderr: '' })
  t.equal((await head(Bucket, 'k'))?.ContentType, 'application/pdf')
  const pdf = await read(Bucket, 'k')
  t.match(pdf.toString('latin1', 0, 5), '%PDF-')
  t.match(pdf.toString('latin1', pdf.length - 6), '%%EOF\n')
  t.ok(pdf.includes('/Count 3'), 'it has three pages')
  t.ok(
    images.every((image) => pdf.includes(image)),
    'it has the images',
  )

  t.match(await runRecipe('pdf', [Bucket, 'no', ...files, join(folder, 'none')]), { code: 1, stderr: /ENOENT/ })
  t.match(await runRecipe('pdf', [Bucket, 'no', ...files], '', await partsDenied(t)), PART_DENIED)
  await nothingIsLeft(t, Bucket, 'no')
})

t.test('csv: objects become lines of CSV, and there is no object if one of them or a part fails', async (t) => {
  const Bucket = await makeBucket(t)
  const rows = [
    { name: 'Ada, "the first"', born: 1815 },
    { born: 1906, name: 'Grace' },
  ]
  t.match(await runRecipe('csv', [Bucket, 'k'], toLines(rows)), { code: 0, stderr: '' })
  t.equal((await head(Bucket, 'k'))?.ContentType, 'text/csv')
  t.equal(`${await read(Bucket, 'k')}`, 'name,born\n"Ada, ""the first""",1815\nGrace,1906\n')

  t.match(await runRecipe('csv', [Bucket, 'no'], `${toLines(large)}no JSON`), notJson)
  t.match(await runRecipe('csv', [Bucket, 'no'], toLines(large), await partsDenied(t)), PART_DENIED)
  await nothingIsLeft(t, Bucket, 'no')
})

t.test('image: an image becomes a smaller one, and there is none if it cannot be read or stored', async (t) => {
  const Bucket = await makeBucket(t)
  const image = await noise(400, 200)
  t.match(await runRecipe('image', ['100', '-', Bucket, 'k'], image), { code: 0, stderr: '' })
  t.equal((await head(Bucket, 'k'))?.ContentType, 'image/webp')
  t.match(await sharp(await read(Bucket, 'k')).metadata(), { format: 'webp', width: 100, height: 50 })
  t.match(await runRecipe('image', ['20', 'k', Bucket, 'of an object']), { code: 0, stderr: '' })
  t.match(await sharp(await read(Bucket, 'of an object')).metadata(), { format: 'webp', width: 20, height: 10 })

  const half = image.subarray(0, image.length / 2)
  t.match(await runRecipe('image', ['100', '-', Bucket, 'no'], half), { code: 1, stderr: /premature end of JPEG/ })
  t.match(await runRecipe('image', ['100', '-', Bucket, 'no'], 'text'), { code: 1, stderr: /unsupported image format/ })
  await nothingIsLeft(t, Bucket, 'no')
  t.match(await runRecipe('image', ['100', '-', 'no-such-bucket-here', 'k'], image), NO_BUCKET)
})
