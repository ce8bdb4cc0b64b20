import { CreateMultipartUploadCommand, type S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { abortUpload, listParts, listUploads } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { cli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

interface BucketOfUploads {
  client: S3Client
  Bucket: string
  /** Begins an upload of the key. Resolves with its UploadId. */
  begin: (Key: string) => Promise<string>
}

async function bucketOfUploads(t: Test): Promise<BucketOfUploads> {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const begin = async (Key: string): Promise<string> => {
    const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))
    return UploadId
  }
  return { client, Bucket, begin }
}

/** The uploads as sorted strings of Key and UploadId. */
async function toStrings(uploads: AsyncIterable<{ Key: string; UploadId: string }>): Promise<string[]> {
  const strings: string[] = []
  for await (const { Key, UploadId } of uploads) strings.push(`${Key} ${UploadId}`)
  return strings.sort()
}

t.test('the unfinished uploads of a bucket, a prefix or a key are listed and removed', async (t) => {
  const { client, Bucket, begin } = await bucketOfUploads(t)
  const keys = ['a', 'a/1', 'a/1', 'a/2', 'b']
  const all: string[] = []
  for (const key of keys) all.push(`${key} ${await begin(key)}`)
  all.sort()
  t.same(await toStrings(listUploads({ client, Bucket })), all)
  for (const Prefix of ['', 'a', 'a/', 'a/1', 'a/2', 'b', 'c', 'a/1x']) {
    const expected = all.filter((text) => text.split(' ')[0]?.startsWith(Prefix))
    t.same(await toStrings(listUploads({ client, Bucket, Prefix })), expected, JSON.stringify(Prefix))
  }
  for (const text of all) {
    const [Key = '', UploadId = ''] = text.split(' ')
    await abortUpload({ client, Bucket, Key, UploadId })
    await t.resolves(abortUpload({ client, Bucket, Key, UploadId }), 'aborting it again is no error')
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('listParts reads all pages', async (t) => {
  // MinIO lists up to 10,000 parts in a page, so the proxy makes smaller pages.
  const page = (next: number | undefined, ...numbers: number[]): string => {
    const parts = numbers.map((n) => `<Part><PartNumber>${n}</PartNumber><Size>${n * P}</Size></Part>`)
    const marker = next === undefined ? '' : `<NextPartNumberMarker>${next}</NextPartNumberMarker>`
    return `<ListPartsResult><IsTruncated>${next !== undefined}</IsTruncated>${marker}${parts.join('')}</ListPartsResult>`
  }
  const pages = [page(2, 1, 2), page(4, 3, 4), page(undefined, 7)]
  const proxy = await faultProxy(t, { fault: () => ({ do: 'answer', status: 200, body: pages.shift() ?? '' }) })
  const client = s3Client(t, { endpoint: proxy.url })
  const sizes: unknown[] = []
  for await (const { Size } of listParts({ client, Bucket: 'b', Key: 'k', UploadId: 'x' })) sizes.push(Size)
  t.same(sizes, [P, 2 * P, 3 * P, 4 * P, 7 * P])
  const markers = proxy.seen.map(({ url }) => new URL(url, 'http://s3').searchParams.get('part-number-marker'))
  t.same(markers, [null, '2', '4'])
})

t.test('listUploads reads all pages', async (t) => {
  const { Bucket } = await bucketOfUploads(t)
  const page = (next: string, ...keys: string[]): string => {
    const uploads = keys.map((key) => `<Upload><Key>${key}</Key><UploadId>id-${key}</UploadId></Upload>`)
    const more = next === '' ? '' : `<NextKeyMarker>${next}</NextKeyMarker><NextUploadIdMarker>id</NextUploadIdMarker>`
    const truncated = `<IsTruncated>${next !== ''}</IsTruncated>`
    return `<ListMultipartUploadsResult>${truncated}${more}${uploads.join('')}</ListMultipartUploadsResult>`
  }
  const pages = [page('b', 'a', 'b'), page('d', 'c', 'd'), page('', 'e')]
  const proxy = await faultProxy(t, {
    fault: ({ operation }) =>
      operation === 'ListMultipartUploads' ? { do: 'answer', status: 200, body: pages.shift() ?? '' } : undefined,
  })
  const client = s3Client(t, { endpoint: proxy.url })
  t.same(await toStrings(listUploads({ client, Bucket })), ['a id-a', 'b id-b', 'c id-c', 'd id-d', 'e id-e'])
})

t.test('a truncated page without a marker for the next one is the last', async (t) => {
  const { Bucket } = await bucketOfUploads(t)
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => ({
      do: 'answer',
      status: 200,
      body: `<${operation}Result><IsTruncated>true</IsTruncated></${operation}Result>`,
    }),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  t.same(await toStrings(listUploads({ client, Bucket })), [])
  t.same(await listParts({ client, Bucket, Key: 'k', UploadId: 'x' }).next(), { value: undefined, done: true })
  t.equal(proxy.seen.length, 2)
})

t.test('requests that S3 refuses and invalid options are errors', async (t) => {
  const client = s3Client(t)
  const missing = { client, Bucket: 'no-such-bucket-here', Key: 'k', UploadId: 'x' }
  t.match(await failureOf(toStrings(listUploads(missing))), {
    name: 'NoSuchBucket',
    code: 'ERR_S3_REQUEST',
    operation: 'ListMultipartUploads',
    message: /^s3:\/\/no-such-bucket-here\/: ListMultipartUploads failed\. NoSuchBucket/,
  })
  const readParts = async (): Promise<void> => {
    for await (const _ of listParts(missing)) t.fail('there are no parts')
  }
  t.match(await failureOf(readParts()), { operation: 'ListParts', UploadId: 'x' })
  const unknownClient = s3Client(t, { credentials: { accessKeyId: 'nobody', secretAccessKey: 'knows' } })
  const refused = { name: 'InvalidAccessKeyId', operation: 'AbortMultipartUpload', UploadId: 'x' }
  t.match(await failureOf(abortUpload({ ...missing, client: unknownClient })), refused)
  t.match(await failureOf(abortUpload({ ...missing, UploadId: '' })), { code: 'ERR_INVALID_ARG_VALUE' })
  t.match(await failureOf(toStrings(listUploads({ ...missing, client: {} as never }))), {
    code: 'ERR_INVALID_ARG_TYPE',
  })
})

t.test('ls shows each upload and its parts, and abort removes the old uploads or a named one', async (t) => {
  const { client, Bucket, begin } = await bucketOfUploads(t)
  const first = await begin('dumps/a')
  const second = await begin('dumps/b')
  const send = { Bucket, Key: 'dumps/a', UploadId: first }
  for (const PartNumber of [1, 2]) await client.send(new UploadPartCommand({ ...send, PartNumber, Body: bytes(P) }))
  const S3 = `s3://${Bucket}`
  const lines = (await cli(['ls', `${S3}/dumps/`])).stdout.split('\n')
  t.match(
    lines.find((line) => line.includes('dumps/a')),
    new RegExp(`^ *\\d+\\.\\d s {4}10.0 MiB {6}2 parts {2}${S3}/dumps/a {2}.* {2}${first}$`),
  )
  t.match(
    lines.find((line) => line.includes('dumps/b')),
    /^ *\d+\.\d s {9}0 B {6}0 parts {2}/,
  )
  const json = (await cli(['ls', S3, '--json'])).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(
    json.find(({ Key }) => Key === 'dumps/a'),
    { Bucket, UploadId: first, parts: 2, size: 2 * P },
  )

  const tooYoung = await cli(['abort', S3, '--older-than', '1h', '--yes'])
  t.same([tooYoung.code, tooYoung.stdout], [0, ''], 'no upload is old enough')
  const dryRun = await cli(['abort', S3, '--older-than', '0s', '--dry-run'])
  t.same([dryRun.code, dryRun.stdout.trim().split('\n').length], [0, 2])
  const unconfirmed = await cli(['abort', S3, '--older-than', '0s'])
  t.equal(unconfirmed.code, 2)
  t.match(unconfirmed.stderr, /Standard input is not a terminal: pass --yes/)
  t.equal((await unfinishedUploads(Bucket)).length, 2, 'nothing was removed')

  t.equal((await cli(['abort', `${S3}/dumps/b`, '--upload-id', second, '--yes'])).code, 0)
  t.match(await unfinishedUploads(Bucket), [{ UploadId: first }])
  const rest = await cli(['abort', `${S3}/dumps`, '--older-than', '0s', '--yes'])
  t.equal(rest.stderr, '1 removed.\n')
  t.same(await unfinishedUploads(Bucket), [])
  t.match(await cli(['ls', 's3://no-such-bucket-here']), { code: 1, stderr: /^s3-writable: .*NoSuchBucket/ })

  const notFound = { do: 'answer', status: 404, body: '<Error><Code>NoSuchUpload</Code></Error>' } as const
  const third = await begin('k')
  for (const [fault, code, out] of [
    [notFound, 0, /0 parts/],
    [denied, 1, /ListParts failed. AccessDenied.*s3:ListMultipartUploadParts/],
  ] as const) {
    const proxy = await faultProxy(t, { fault: ({ operation }) => (operation === 'ListParts' ? fault : undefined) })
    const listing = await cli(['ls', S3], { at: proxy.url })
    t.equal(listing.code, code)
    t.match(listing.stdout + listing.stderr, out)
  }
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'AbortMultipartUpload' ? denied : undefined),
  })
  const refused = await cli(['abort', S3, '--older-than', '0s', '--yes'], { at: proxy.url })
  t.match(refused, { code: 1, stderr: /^0 removed\.\ns3-writable: .*AbortMultipartUpload failed\. AccessDenied/ })
  await abortUpload({ client, Bucket, Key: 'k', UploadId: third })
})
