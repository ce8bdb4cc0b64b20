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

/** A fault that plays `fault` on one operation, and answers all others. */
const faultOn =
  (operation: string, fault: Fault) =>
  (seen: RecordedRequest): Fault | undefined =>
    seen.operation === operation ? fault : answerInS3Place(seen)

/** Answers instead of the S3 under test, which knows neither this secret key nor this token. */
function answerInS3Place({ operation, PartNumber }: RecordedRequest): Fault {
  const ok = (body: string): Fault => ({ do: 'answer', status: 200, body })
  if (operation === 'CreateMultipartUpload') {
    return ok('<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>')
  }
  if (PartNumber !== undefined) return { do: 'answer', status: 200, body: '', headers: { etag: '"part"' } }
  return { do: 'answer', status: 404, body: '<Error><Code>NoSuchUpload</Code></Error>' }
}

const FAULTS: Record<string, (seen: RecordedRequest) => Fault> = {}
for (const operation of ['PutObject', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload']) {
  FAULTS[`${operation} is refused`] = faultOn(operation, denied) as (seen: RecordedRequest) => Fault
  FAULTS[`${operation} is broken off`] = faultOn(operation, { do: 'reset', after: 0 }) as (
    seen: RecordedRequest,
  ) => Fault
  FAULTS[`${operation} stalls`] = faultOn(operation, { do: 'ignore' }) as (seen: RecordedRequest) => Fault
}
/**
 * AWS's answers to a wrong signature and a wrong token, which quote what was signed. Some stores quote it in the
 * message.
 */
for (const operation of ['PutObject', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload']) {
  FAULTS[`${operation} is refused with an answer that quotes what was signed`] = (seen) => {
    if (seen.operation !== operation) return answerInS3Place(seen)
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
  operation === 'CreateMultipartUpload' ? answerInS3Place({ operation } as RecordedRequest) : denied

t.test('no error, event or output holds a secret key, a session token, a signature or a customer key', async (t) => {
  const Bucket = await makeBucket(t)
  for (const [name, fault] of Object.entries(FAULTS)) {
    const proxy = await faultProxy(t, { fault, tls: true })
    const credentials = { accessKeyId, secretAccessKey, sessionToken }
    const client = s3Client(t, { endpoint: proxy.url, maxAttempts: 1, credentials })
    const observed: unknown[] = []
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
      for (const event of ['progress', 'error', 'close', 'finish']) upload.on(event, (...args) => observed.push(args))
      observed.push(await failureOf(pipeline(zeros(size), upload)), upload, upload.result)
    }
    const signatures = proxy.seen.map(({ headers }) => /Signature=(\w+)/.exec(String(headers.authorization))?.[1] ?? '')
    t.ok(signatures.length > 0 && signatures.every(({ length }) => length === 64), name)
    const secrets = [secretAccessKey, sessionToken, ...signatures]
    for (const encoding of ['base64', 'hex', 'latin1'] as const) secrets.push(SSECustomerKey.toString(encoding))
    const texts = observed.flatMap((value) => [
      inspect(value, { depth: 20, maxStringLength: Number.POSITIVE_INFINITY }),
      String(value),
      JSON.stringify(value, withoutCycles()) ?? '',
      ...(value instanceof Error ? allStrings(value) : []),
    ])
    const exposed = secrets.filter((secret) => texts.some((text) => text.includes(secret)))
    t.same(exposed, [], name)
  }
})

/** All strings that can be reached from an error, also through properties that are not enumerable. */
function allStrings(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || seen.has(value)) return []
  seen.add(value)
  return Reflect.ownKeys(value).flatMap((key) => allStrings(Reflect.get(value, key), seen))
}

/** A replacer for JSON.stringify that leaves out an object that it has seen before. */
function withoutCycles(): (key: string, value: unknown) => unknown {
  const seen = new Set<unknown>()
  return (_, value) => {
    if (typeof value !== 'object' || value === null) return value
    if (seen.has(value)) return undefined
    seen.add(value)
    return value
  }
}
