import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { inspect } from 'node:util'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { KiB, P, zeros } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied, type Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { accessKeyId, makeBucket, s3Client } from '../support/store.js'

const secretAccessKey = 'a-secret-that-nobody-may-see'
const sessionToken = 'a-token-that-nobody-may-see'
const SSECustomerKey = createHash('sha256').update('a customer key').digest()

const on =
  (operation: string, fault: Fault) =>
  (seen: RecordedRequest): Fault | undefined =>
    seen.operation === operation ? fault : answered(seen)

/** In S3's place, which knows neither this secret nor this token. */
function answered({ operation, PartNumber }: RecordedRequest): Fault {
  const ok = (body: string): Fault => ({ do: 'answer', status: 200, body })
  if (operation === 'CreateMultipartUpload') {
    return ok('<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>')
  }
  if (PartNumber !== undefined) return { do: 'answer', status: 200, body: '', headers: { etag: '"part"' } }
  return { do: 'answer', status: 404, body: '<Error><Code>NoSuchUpload</Code></Error>' }
}

const FAULTS: Record<string, (seen: RecordedRequest) => Fault> = {}
for (const operation of ['PutObject', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload']) {
  FAULTS[`${operation} is refused`] = on(operation, denied) as (seen: RecordedRequest) => Fault
  FAULTS[`${operation} is broken off`] = on(operation, { do: 'reset', after: 0 }) as (seen: RecordedRequest) => Fault
  FAULTS[`${operation} stands still`] = on(operation, { do: 'ignore' }) as (seen: RecordedRequest) => Fault
}
/** As AWS answers a wrong signature, and a wrong token; some stores have it all in the message. */
for (const operation of ['PutObject', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload']) {
  FAULTS[`${operation} is refused with what was signed`] = (seen) => {
    if (seen.operation !== operation) return answered(seen)
    const headers = Object.entries(seen.headers)
    const lines = [
      ...headers.map(([name, value]) => `${name}:${value}`),
      JSON.stringify(seen.headers),
      ...headers.flat(),
    ]
    const signed = [`PUT\n${seen.url}\n`, ...lines].join('\n')
    const signature = /Signature=(\w+)/.exec(String(seen.headers.authorization))?.[1]
    const body = `<Error><Code>SignatureDoesNotMatch</Code><Message>It does not match: ${signed}</Message><StringToSign>AWS4-HMAC-SHA256</StringToSign><SignatureProvided>${signature}</SignatureProvided><CanonicalRequest>${signed}</CanonicalRequest><Token-0>${sessionToken}</Token-0></Error>`
    return { do: 'answer', status: 403, body }
  }
}
FAULTS['the clean-up fails too'] = ({ operation }) =>
  operation === 'CreateMultipartUpload' ? answered({ operation } as RecordedRequest) : denied

t.test('no error, event or output holds a secret key, a session token, a signature or a customer key', async (t) => {
  const Bucket = await makeBucket(t)
  for (const [what, fault] of Object.entries(FAULTS)) {
    const proxy = await faultProxy(t, { fault, tls: true })
    const credentials = { accessKeyId, secretAccessKey, sessionToken }
    const client = s3Client(t, { endpoint: proxy.url, maxAttempts: 1, credentials })
    const told: unknown[] = []
    for (const size of [KiB, 2 * P + 1]) {
      const upload = s3Writable({
        client,
        Bucket,
        Key: 'k',
        partSize: P,
        stallTimeout: 500,
        SSECustomerAlgorithm: 'AES256',
        SSECustomerKey: SSECustomerKey as never,
      })
      for (const event of ['progress', 'error', 'close', 'finish']) upload.on(event, (...args) => told.push(args))
      told.push(await failureOf(pipeline(zeros(size), upload)), upload, upload.result)
    }
    const signatures = proxy.seen.map(({ headers }) => /Signature=(\w+)/.exec(String(headers.authorization))?.[1] ?? '')
    t.ok(signatures.length > 0 && signatures.every((one) => one.length === 64), what)
    const secrets = [secretAccessKey, sessionToken, ...signatures]
    for (const encoding of ['base64', 'hex', 'latin1'] as const) secrets.push(SSECustomerKey.toString(encoding))
    const texts = told.flatMap((one) => [
      inspect(one, { depth: 20, maxStringLength: Number.POSITIVE_INFINITY }),
      String(one),
      JSON.stringify(one, leaveOutLoops()) ?? '',
      ...(one instanceof Error ? everyText(one) : []),
    ])
    const found = secrets.filter((secret) => texts.some((text) => text.includes(secret)))
    t.same(found, [], what)
  }
})

/** Every text that an error leads to, also by what is not enumerable. */
function everyText(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || seen.has(value)) return []
  seen.add(value)
  return Reflect.ownKeys(value).flatMap((key) => everyText(Reflect.get(value, key), seen))
}

function leaveOutLoops(): (key: string, value: unknown) => unknown {
  const seen = new Set<unknown>()
  return (_, value) => {
    if (typeof value !== 'object' || value === null) return value
    if (seen.has(value)) return undefined
    seen.add(value)
    return value
  }
}
