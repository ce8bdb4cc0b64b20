import { CreateMultipartUploadCommand, type S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { abortUpload, listParts, listUploads } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { cli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

/** A bucket, and what begins an upload in it. */
async function begun(t: Test): Promise<{ client: S3Client; Bucket: string; begin: (Key: string) => Promise<string> }> {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const begin = async (Key: string): Promise<string> => {
    const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))
    return UploadId
  }
  return { client, Bucket, begin }
}

/** Keys and UploadIds, as text that can be compared. */
async function listed(all: AsyncIterable<{ Key: string; UploadId: string }>): Promise<string[]> {
  const found: string[] = []
  for await (const { Key, UploadId } of all) found.push(`${Key} ${UploadId}`)
  return found.sort()
}

t.test('unfinished uploads are listed, of a bucket, under a prefix or of a key, and removed', async (t) => {
  const { client, Bucket, begin } = await begun(t)
  const keys = ['a', 'a/1', 'a/1', 'a/2', 'b']
  const all: string[] = []
  for (const key of keys) all.push(`${key} ${await begin(key)}`)
  all.sort()
  t.same(await listed(listUploads({ client, Bucket })), all)
  for (const Prefix of ['', 'a', 'a/', 'a/1', 'a/2', 'b', 'c', 'a/1x']) {
    const expected = all.filter((one) => one.split(' ')[0]?.startsWith(Prefix))
    t.same(await listed(listUploads({ client, Bucket, Prefix })), expected, JSON.stringify(Prefix))
  }
  for (const one of all) {
    const [Key = '', UploadId = ''] = one.split(' ')
    await abortUpload({ client, Bucket, Key, UploadId })
    await t.resolves(abortUpload({ client, Bucket, Key, UploadId }), 'again, where there is none')
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('parts are listed over as many pages as there are', async (t) => {
  // MinIO gives ten thousand in a page, so the pages are made here.
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

t.test('uploads are listed over as many pages as there are', async (t) => {
  const { Bucket } = await begun(t)
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
  t.same(await listed(listUploads({ client, Bucket })), ['a id-a', 'b id-b', 'c id-c', 'd id-d', 'e id-e'])
})

t.test('a page that promises more and does not say where is the last', async (t) => {
  const { Bucket } = await begun(t)
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => ({
      do: 'answer',
      status: 200,
      body: `<${operation}Result><IsTruncated>true</IsTruncated></${operation}Result>`,
    }),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  t.same(await listed(listUploads({ client, Bucket })), [])
  t.same(await listParts({ client, Bucket, Key: 'k', UploadId: 'x' }).next(), { value: undefined, done: true })
  t.equal(proxy.seen.length, 2)
})

t.test('what S3 refuses, and what is no option, is told', async (t) => {
  const client = s3Client(t)
  const none = { client, Bucket: 'no-such-bucket-here', Key: 'k', UploadId: 'x' }
  t.match(await failureOf(listed(listUploads(none))), {
    name: 'NoSuchBucket',
    code: 'ERR_S3_REQUEST',
    operation: 'ListMultipartUploads',
    message: /^s3:\/\/no-such-bucket-here\/: ListMultipartUploads failed\. NoSuchBucket/,
  })
  const parts = async (): Promise<void> => {
    for await (const _ of listParts(none)) t.fail('there are none')
  }
  t.match(await failureOf(parts()), { operation: 'ListParts', UploadId: 'x' })
  const stranger = s3Client(t, { credentials: { accessKeyId: 'nobody', secretAccessKey: 'knows' } })
  const refused = { name: 'InvalidAccessKeyId', operation: 'AbortMultipartUpload', UploadId: 'x' }
  t.match(await failureOf(abortUpload({ ...none, client: stranger })), refused)
  t.match(await failureOf(abortUpload({ ...none, UploadId: '' })), { code: 'ERR_INVALID_ARG_VALUE' })
  t.match(await failureOf(listed(listUploads({ ...none, client: {} as never }))), { code: 'ERR_INVALID_ARG_TYPE' })
})

t.test('ls shows each upload, and what is stored of it; abort removes the old ones, or one', async (t) => {
  const { client, Bucket, begin } = await begun(t)
  const first = await begin('dumps/a')
  const second = await begin('dumps/b')
  const send = { Bucket, Key: 'dumps/a', UploadId: first }
  for (const PartNumber of [1, 2]) await client.send(new UploadPartCommand({ ...send, PartNumber, Body: bytes(P) }))
  const S3 = `s3://${Bucket}`
  const shown = (await cli(['ls', `${S3}/dumps/`])).stdout.split('\n')
  t.match(
    shown.find((line) => line.includes('dumps/a')),
    new RegExp(`^${S3}/dumps/a {2}${first} {2}\\S+ old {2}2 parts {2}10.0 MiB`),
  )
  t.match(
    shown.find((line) => line.includes('dumps/b')),
    /0 parts {2}0 B/,
  )
  const json = (await cli(['ls', S3, '--json'])).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(
    json.find(({ Key }) => Key === 'dumps/a'),
    { Bucket, UploadId: first, parts: 2, size: 2 * P },
  )

  const young = await cli(['abort', S3, '--older-than', '1h', '--yes'])
  t.same([young.code, young.stdout], [0, ''], 'none is old enough')
  const dry = await cli(['abort', S3, '--older-than', '0s', '--dry-run'])
  t.same([dry.code, dry.stdout.trim().split('\n').length], [0, 2])
  const unasked = await cli(['abort', S3, '--older-than', '0s'])
  t.equal(unasked.code, 2)
  t.match(unasked.stderr, /Standard input is not a terminal: pass --yes/)
  t.equal((await unfinishedUploads(Bucket)).length, 2, 'nothing was removed')

  t.equal((await cli(['abort', `${S3}/dumps/b`, '--upload-id', second, '--yes'])).code, 0)
  t.match(await unfinishedUploads(Bucket), [{ UploadId: first }])
  const rest = await cli(['abort', `${S3}/dumps`, '--older-than', '0s', '--yes'])
  t.equal(rest.stderr, '1 removed.\n')
  t.same(await unfinishedUploads(Bucket), [])
  t.match(await cli(['ls', 's3://no-such-bucket-here']), { code: 1, stderr: /^s3-writable: .*NoSuchBucket/ })

  const gone = { do: 'answer', status: 404, body: '<Error><Code>NoSuchUpload</Code></Error>' } as const
  const third = await begin('k')
  for (const [fault, code, out] of [
    [gone, 0, /0 parts/],
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
  const kept = await cli(['abort', S3, '--older-than', '0s', '--yes'], { at: proxy.url })
  t.match(kept, { code: 1, stderr: /^0 removed\.\ns3-writable: .*AbortMultipartUpload failed\. AccessDenied/ })
  await abortUpload({ client, Bucket, Key: 'k', UploadId: third })
})
