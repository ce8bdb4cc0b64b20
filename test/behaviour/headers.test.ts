import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { KiB, MiB, zeros } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { head, makeBucket, s3Client } from '../support/store.js'

const VALUE = 'ERR_INVALID_ARG_VALUE'
const TYPE = 'ERR_INVALID_ARG_TYPE'
const SIZES = { small: KiB, large: 12 * MiB }
const HEADER = 'printable ASCII, because it is sent in an HTTP header; for other characters,'

/**
 * Values that an HTTP header cannot carry. If é is sent, S3 decodes it differently from how it was signed and answers that
 * the secret key is wrong. Node refuses 日 and line breaks, but only when the stream sends the request.
 */
const REFUSED: [params: object, code: string, message: string][] = [
  [
    { Metadata: { title: 'é' } },
    VALUE,
    `The "Metadata.title" option must be ${HEADER} percent-encode it, or encode it as in RFC 2047 (=?UTF-8?B?…?=). Received type string with U+00E9 at index 0`,
  ],
  [{ Metadata: { title: 'a 日本' } }, VALUE, 'Received type string with U+65E5 at index 2'],
  [{ Metadata: { title: 'party 🎉' } }, VALUE, 'Received type string with U+1F389 at index 6'],
  [{ Metadata: { title: 'two\nlines' } }, VALUE, 'Received type string with U+000A at index 3'],
  [{ Metadata: { title: 'deleted\x7f' } }, VALUE, 'Received type string with U+007F at index 7'],
  [
    { Metadata: { naïve: 'x' } },
    VALUE,
    `The "Metadata" option must be an object whose names consist of letters, digits and !#$%&'*+-.^_\`|~, because they become HTTP header names. Received type string ('naïve')`,
  ],
  [{ Metadata: { 'two words': 'x' } }, VALUE, "Received type string ('two words')"],
  [{ Metadata: { run: '1', Run: '2' } }, VALUE, 'differ in more than case'],
  [{ Metadata: { '': 'x' } }, VALUE, "Received type string ('')"],
  [{ Metadata: { title: undefined } }, TYPE, 'The "Metadata.title" option must be a string. Received undefined'],
  [{ Metadata: { title: null } }, TYPE, 'Received null'],
  [{ Metadata: { parts: 2 } }, TYPE, 'The "Metadata.parts" option must be a string. Received type number'],
  [
    { Metadata: 'title=x' },
    TYPE,
    'The "Metadata" option must be an object whose values are strings. Received type string',
  ],
  [
    { ContentDisposition: 'attachment; filename="résumé.pdf"' },
    VALUE,
    `The "ContentDisposition" option must be ${HEADER} encode the file name as in RFC 5987 (filename*=UTF-8''…). Received type string with U+00E9 at index 23`,
  ],
  [
    { Tagging: 'city=Zürich' },
    VALUE,
    `The "Tagging" option must be ${HEADER} percent-encode it. Received type string with U+00FC at index 6`,
  ],
  [{ ContentType: 'text/plaïn' }, VALUE, 'The "ContentType" option'],
  [{ CacheControl: 'no-cache\r\nX-Other: 1' }, VALUE, 'Received type string with U+000D at index 8'],
  [{ WebsiteRedirectLocation: '/é' }, VALUE, 'The "WebsiteRedirectLocation" option'],
  [{ SomethingNew: 'é' }, VALUE, 'The "SomethingNew" option'],
]

t.test(
  'a value that an HTTP header cannot carry is refused, with the name of the parameter, before any request',
  async (t) => {
    const proxy = await faultProxy(t)
    const client = s3Client(t, { endpoint: proxy.url })
    for (const [params, code, message] of REFUSED) {
      for (const [Key, size] of Object.entries(SIZES)) {
        const run = async () => pipeline(zeros(size), s3Writable({ client, Bucket: 'b', Key, ...params }))
        const error = await run().then(
          () => new Error('it should have failed'),
          (error: Error) => error,
        )
        t.equal((error as Error & { code?: string }).code, code, JSON.stringify(params))
        t.ok(error.message.includes(message), error.message)
      }
    }
    t.same(proxy.seen, [])
  },
)

t.test(
  'values that a header can carry are stored for objects of every size, and a key may have any characters',
  async (t) => {
    const client = s3Client(t)
    const Bucket = await makeBucket(t)
    const printable = String.fromCharCode(...Array.from({ length: 0x7f - 0x21 }, (_, i) => 0x21 + i))
    const kept = {
      Metadata: { title: encodeURIComponent('日本'), "!#$%&'*+-.^_`|~09az": `${printable}\t${printable} .` },
      ContentDisposition: "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf",
    }
    for (const [size, length] of Object.entries(SIZES)) {
      const Key = `${size}: é, 日本`
      await pipeline(zeros(length), s3Writable({ client, Bucket, Key, ...kept, ContentType: null } as never))
      const { Metadata, ContentDisposition, ContentType } = (await head(Bucket, Key)) ?? {}
      t.same({ Metadata, ContentDisposition }, kept)
      t.equal(ContentType, 'application/octet-stream', 'null is as if it were left out')
    }
  },
)
