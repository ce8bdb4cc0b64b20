import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { abortUpload, listParts, listUploads, s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { type SmallStore, type StoreRequest, s3Error, smallStore, xml } from '../support/small-store.js'
import { isMinio, makeBucket, s3Client } from '../support/store.js'

const place = { Bucket: 'b', Key: 'k' }

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Every page says that more follow, after these markers in turn. */
async function endless(t: Test, markers: (string | number)[]): Promise<SmallStore> {
  const next = ({ seen, query }: StoreRequest): string | number | undefined => {
    const [been] = [...query]
      .filter(([name]) => name.endsWith('marker') && name !== 'upload-id-marker')
      .map(([, at]) => at)
    return markers[(markers.map(String).indexOf(been ?? '') + 1) % markers.length] ?? seen.attempt
  }
  return await smallStore(t, {
    ListMultipartUploads: (asked) =>
      xml(
        asked.response,
        200,
        `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>${next(asked)}</NextKeyMarker><NextUploadIdMarker></NextUploadIdMarker><Upload><Key>k</Key><UploadId>u1</UploadId></Upload></ListMultipartUploadsResult>`,
      ),
    ListParts: (asked) =>
      xml(
        asked.response,
        200,
        `<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>${next(asked)}</NextPartNumberMarker></ListPartsResult>`,
      ),
  })
}

t.test('a listing that returns to an earlier marker ends with an error that names the store’s fault', async (t) => {
  const fault = {
    code: 'ERR_S3_REQUEST',
    message: /the listing would never end: a page of List\w+ says that the next one begins at/,
  }
  for (const markers of [[''], ['k'], [1], ['a', 'b'], [1, 2, 3]]) {
    const store = await endless(t, markers)
    const { client } = store
    await t.rejects(all(listUploads({ client, Bucket: 'b' })), fault)
    if (typeof markers[0] === 'number') {
      await t.rejects(all(listParts({ client, ...place, UploadId: 'u1' })), fault)
    }
    const upload = s3Writable({ client, ...place, resume: true })
    upload.end('x')
    await t.rejects(upload.done(), fault)
    t.ok(store.seen.length <= 12)
  }
})

t.test('keys that XML cannot represent are listed unchanged, and their uploads are removed', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  // versitygw stores objects as files, whose names it reads from XML.
  const keys = isMinio ? ['a\u0001b', 'a b+c%20d', 'ü/\u{1F600}&<>"\''] : ['a b+c%20d', 'ü/\u{1F600}&<>"\'']
  for (const Key of keys) await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))
  const found = await all(listUploads({ client, Bucket }))
  t.same(found.map(({ Key }) => Key).sort(), [...keys].sort())
  for (const { Key, UploadId } of found) t.equal(await abortUpload({ client, Bucket, Key, UploadId }), true)
})

t.test(
  'the keys of a store that ignores the encoding, or encodes wrongly, are used as the store lists them',
  async (t) => {
    for (const [encoding, key] of [
      ['', 'a%20b'],
      ['<EncodingType>url</EncodingType>', '100%'],
    ]) {
      const { client } = await smallStore(t, {
        ListMultipartUploads: ({ response }) =>
          xml(
            response,
            200,
            `<ListMultipartUploadsResult>${encoding}<Upload><Key>${key}</Key><UploadId>u1</UploadId></Upload><Upload/></ListMultipartUploadsResult>`,
          ),
      })
      t.match(await all(listUploads({ client, Bucket: 'b' })), [{ Key: key }])
    }
  },
)

t.test('a store that answers a listing with NoSuchUpload has no uploads, as rclone until the first one', async (t) => {
  const { client } = await smallStore(t, {
    ListMultipartUploads: ({ response }) => s3Error(response, 404, 'NoSuchUpload'),
  })
  t.same(await all(listUploads({ client, Bucket: 'b' })), [])
  const resumed = s3Writable({ client, ...place, resume: true })
  resumed.end('x')
  await t.rejects(resumed.done(), { code: 'ERR_S3_RESUME', message: /there is no unfinished upload of this key/ })
  const auto = s3Writable({ client, ...place, resume: 'auto' })
  auto.end('x')
  t.match(await auto.done(), { size: 1 })
})

t.test('a stream that searches for its upload can be destroyed while the credentials are pending', async (t) => {
  const credentials = (): Promise<never> => new Promise(() => {})
  for (const resume of [true, { UploadId: 'u1' }] as const) {
    const { client } = await smallStore(t, {}, { credentials })
    const upload = s3Writable({ client, ...place, resume })
    const error = new Error('enough')
    const failed = failureOf(upload.done())
    setImmediate(() => upload.destroy(error))
    t.equal(await failed, error)
  }
})

t.test(
  'a stream that determines the owner of an upload can be destroyed while the credentials are pending',
  async (t) => {
    const { client } = await smallStore(t, {
      ListMultipartUploads: ({ response }) => {
        xml(
          response,
          200,
          '<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u1</UploadId><Initiator><ID>arn:aws:iam::123456789012:user/u</ID></Initiator></Upload></ListMultipartUploadsResult>',
        )
      },
    })
    const error = new Error('enough')
    const credentials = (): Promise<never> => {
      setImmediate(() => upload.destroy(error))
      return new Promise(() => {})
    }
    const config = { ...client.config, credentials }
    const upload = s3Writable({ client: { send: client.send.bind(client), config }, ...place, resume: true })
    t.equal(await failureOf(upload.done()), error)
  },
)

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
t.test('a directory bucket is asked only for a prefix that ends in a slash', async (t) => {
  const keys = ['a/b', 'a/bc', 'a/d', 'b']
  const uploads = keys.map((Key) => `<Upload><Key>${Key}</Key><UploadId>u</UploadId></Upload>`)
  const store = await smallStore(
    t,
    {
      ListMultipartUploads: ({ query, response }) =>
        /^$|\/$/.test(query.get('prefix') ?? '')
          ? xml(response, 200, `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`)
          : s3Error(response, 400, 'InvalidRequest'),
    },
    { disableS3ExpressSessionAuth: true } as object,
  )
  const { client } = store
  for (const Prefix of ['', 'a', 'a/', 'a/b', 'c']) {
    const listed = await all(listUploads({ client, Bucket: 'b--use1-az4--x-s3', Prefix }))
    t.same(
      listed.map(({ Key }) => Key),
      keys.filter((key) => key.startsWith(Prefix)),
    )
  }
  await t.rejects(all(listUploads({ client, Bucket: 'b', Prefix: 'a/b' })), { name: 'InvalidRequest' })
})
