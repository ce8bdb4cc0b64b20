import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Checksum, SourceData } from '@smithy/types'
import { REGION } from '../checks/setting.js'

/** The keys of an account, or of a session. */
export interface Keys {
  accessKeyId: string
  secretAccessKey: string
}

/** A request, or the part of it that a signature covers. */
export interface Signable {
  method: string
  /** The path and the query, as they were sent. */
  url: string
  headers: Record<string, string>
}

/** SHA-256, or HMAC with a secret, as the SDK's signer asks for it. */
class Sha256 implements Checksum {
  readonly #hash: Hash | Hmac
  constructor(secret?: SourceData) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: Uint8Array): void {
    this.#hash.update(data)
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {
    throw new Error('The signer is not expected to use a hash twice')
  }
}

function bytesOf(secret: SourceData): string | Buffer {
  if (typeof secret === 'string') return secret
  return ArrayBuffer.isView(secret)
    ? Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength)
    : Buffer.from(secret)
}

/** The headers of the request with a signature by these keys. All headers are signed. */
export async function signed(
  { method, url, headers }: Signable,
  credentials: Keys,
  service = 's3',
  signingDate = new Date(),
): Promise<Record<string, string>> {
  const signer = new SignatureV4({
    credentials,
    region: REGION,
    service,
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
  })
  const { hostname, port, pathname, searchParams } = new URL(url, `http://${headers.host}`)
  const query: Record<string, string[]> = {}
  for (const name of new Set(searchParams.keys())) query[name] = searchParams.getAll(name)
  const request = { protocol: 'http:', hostname, port: Number(port), method, path: pathname, query, headers }
  const signableHeaders = new Set(Object.keys(headers))
  return (await signer.sign(request, { signingDate, signableHeaders })).headers
}

/** Whether the owner of these keys has signed the request. */
export async function isSignedBy(
  keys: Keys,
  request: { method: string; url: string; headers: IncomingHttpHeaders },
): Promise<boolean> {
  const { authorization = '', 'x-amz-date': date } = request.headers
  const [, accessKeyId, service, names = ''] =
    /Credential=([^/]*)\/[^/]*\/[^/]*\/([^/]*)\/.*SignedHeaders=([^,]*)/.exec(authorization) ?? []
  if (accessKeyId !== keys.accessKeyId || typeof date !== 'string') return false
  const headers = Object.fromEntries(names.split(';').map((name) => [name, String(request.headers[name])]))
  const signingDate = new Date(date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'))
  const expected = await signed({ ...request, headers }, keys, service, signingDate)
  return expected.authorization === authorization
}
