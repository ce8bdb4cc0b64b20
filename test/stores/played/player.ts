import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request as send } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256 } from '../../support/bytes.js'
import { operationOf } from '../../support/operation.js'
import type { PlayedRequest, Refusal, Rules } from './rules.js'
import { isSignedBy, type Keys, signed } from './signature.js'

/** Where the MinIO is whose answers the player changes, and how to reach it. */
export interface Behind {
  endpoint: string
  keys: Keys
  /** The certificate that it has. */
  ca: Buffer
}

export interface Player {
  endpoint: string
  close: () => void
}

const NO_SUCH_BUCKET = { status: 404, Code: 'NoSuchBucket', Message: 'The specified bucket does not exist' }
const DENIED = { status: 403, Code: 'SignatureDoesNotMatch', Message: 'The signature is not that of the key' }
/** The operations that are signed by the account where all others are signed by a session. */
const SIGNED_BY_ACCOUNT = /^(CreateSession|PUT bucket)$/
/** What concerns one connection only, and the signature of the client, which is made anew. */
const NOT_PASSED_ON = /^(authorization|connection|expect|keep-alive|te|transfer-encoding|x-amz-(date|s3session-token))$/

/**
 * Starts a server that follows the rules of a store. It checks the signature of each request, and passes on what the
 * rules let through to a MinIO, signed with MinIO's keys.
 */
export async function startPlayer(rules: Rules, keys: Keys, behind: Behind): Promise<Player> {
  const agent = new Agent({ keepAlive: true, ca: behind.ca })
  const session = { accessKeyId: 'session-key', secretAccessKey: randomUUID(), token: randomUUID() }
  /** MinIO's ETags, by those that the store gives instead. */
  const etags = new Map<string, string>()
  /** The sizes of the parts that were sent, by UploadId and PartNumber. */
  const sizes = new Map<string, number>()

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request
    const { pathname, searchParams } = new URL(url, 'http://store')
    const operation = searchParams.has('session') ? 'CreateSession' : operationOf(method, pathname, searchParams)
    const signer = rules.sessions === true && !SIGNED_BY_ACCOUNT.test(operation) ? session : keys
    if (signer === session && headers['x-amz-s3session-token'] !== session.token)
      return refuse(request, response, DENIED)
    if (!(await isSignedBy(signer, { method, url, headers }))) return refuse(request, response, DENIED)
    if (rules.sessions === true && operation === 'CreateSession') return await createSession(request, response)

    const UploadId = searchParams.get('uploadId')
    if (operation === 'UploadPart') {
      sizes.set(`${UploadId} ${searchParams.get('partNumber')}`, Number(headers['content-length']))
    }
    const xml = operation === 'CompleteMultipartUpload' ? (await buffer(request)).toString() : undefined
    const parts = [...(xml?.matchAll(/<PartNumber>(\d+)</g) ?? [])].map(([, PartNumber]) => ({
      PartNumber: Number(PartNumber),
      size: sizes.get(`${UploadId} ${PartNumber}`) ?? 0,
    }))
    const refusal = rules.refuses?.({ operation, headers, query: searchParams, parts } satisfies PlayedRequest)
    if (refusal !== undefined) return refuse(request, response, refusal)

    const body = xml === undefined ? request : Buffer.from(replaceAll(xml, etags))
    for (const name of rules.dropsFromQuery ?? []) searchParams.delete(name)
    const path = oneSlash(`${pathname}${searchParams.size === 0 ? '' : `?${searchParams}`}`)
    const answer = await passOn({ method, url: path, headers: passedOn(headers, operation) }, body)
    if (operation === 'CompleteMultipartUpload') await sleep(rules.completeTakes ?? 0)
    const encrypted = operation === 'PUT bucket' ? await encrypt(url) : undefined
    await sendAnswer(encrypted ?? answer, response, operation)
  }

  /** The headers that MinIO gets, with MinIO's ETags. */
  function passedOn(headers: IncomingHttpHeaders, operation: string): Record<string, string> {
    const kept = Object.entries(headers).filter(([name]) => !NOT_PASSED_ON.test(name))
    return Object.fromEntries(
      kept
        .filter(([name]) => rules.ignores?.(name, operation) !== true)
        .map(([name, value]) => [name, replaceAll(String(value), etags)]),
    )
  }

  /** Sends a request to MinIO, signed with its keys. */
  async function passOn(
    { method, url, headers }: { method: string; url: string; headers: Record<string, string> },
    body: IncomingMessage | Buffer,
  ): Promise<IncomingMessage> {
    const { host, hostname, port } = new URL(behind.endpoint)
    const ofBody = Buffer.isBuffer(body)
      ? { 'content-length': String(body.length), 'x-amz-content-sha256': sha256(body) }
      : {}
    const own = await signed({ method, url, headers: { ...headers, ...ofBody, host } }, behind.keys)
    const request = send({ hostname, port, agent, method, path: url, headers: own })
    // Listen from here on, because MinIO may answer before it has received the whole body.
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    answered.catch(() => {})
    if (Buffer.isBuffer(body)) request.end(body)
    else void pipeline(body, request).catch(() => {})
    const [answer] = await answered
    return answer
  }

  async function sendAnswer(answer: IncomingMessage, response: ServerResponse, operation: string): Promise<void> {
    const { statusCode = 500, headers } = answer
    const { connection: _, 'transfer-encoding': __, ...kept } = headers
    for (const [name, value] of Object.entries(kept)) {
      if (rules.hides?.test(name) === true || value === undefined) continue
      response.setHeader(name, name === 'etag' ? storesETags(String(value)) : value)
    }
    if (operation === 'GetObject' || headers['content-type'] !== 'application/xml') {
      response.writeHead(statusCode)
      await pipeline(answer, response)
      return
    }
    const xml = storesETags((await buffer(answer)).toString()).replaceAll(/<(\w+)>[^<]*<\/\1>/g, (element, name) =>
      rules.hides?.test(name.toLowerCase()) === true ? '' : element,
    )
    response.writeHead(statusCode, { 'content-length': Buffer.byteLength(xml) }).end(xml)
  }

  /** The text with the ETags of the store instead of MinIO's. */
  function storesETags(text: string): string {
    const { ETag } = rules
    if (ETag === undefined) return text
    return text.replaceAll(/("|&#34;)([0-9a-f]{32}(?:-\d+)?)\1/g, (_, quote, minios) => {
      const stores = ETag(minios)
      etags.set(stores, minios)
      return `${quote}${stores}${quote}`
    })
  }

  /** Answers CreateSession, which a directory bucket is asked for first. */
  async function createSession(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = oneSlash(new URL(request.url ?? '', 'http://store').pathname)
    const { statusCode } = await passOn({ method: 'HEAD', url, headers: {} }, Buffer.alloc(0))
    if (statusCode !== 200) return refuse(request, response, NO_SUCH_BUCKET)
    const credentials = elements({
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.token,
      Expiration: new Date(Date.now() + 300_000).toISOString(),
    })
    const xml = `<CreateSessionResult><Credentials>${credentials}</Credentials></CreateSessionResult>`
    xmlAnswer(response, 200, xml)
  }

  /** Makes MinIO encrypt everything in a bucket, if the store does. Resolves with the answer. */
  async function encrypt(url: string): Promise<IncomingMessage | undefined> {
    const { bucketEncryption } = rules
    if (bucketEncryption === undefined) return undefined
    const rule = `<ApplyServerSideEncryptionByDefault>${elements(bucketEncryption)}</ApplyServerSideEncryptionByDefault>`
    const body = Buffer.from(
      `<ServerSideEncryptionConfiguration><Rule>${rule}</Rule></ServerSideEncryptionConfiguration>`,
    )
    const { pathname } = new URL(url, 'http://store')
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') }
    return await passOn({ method: 'PUT', url: `${pathname}?encryption=`, headers }, body)
  }

  const server = createServer((request, response) => {
    // A client that disconnects ends only its own request.
    handle(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    server.close()
    server.closeAllConnections()
    agent.destroy()
  }
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

/** Answers with an error, when the request has arrived: a client that is still sending might not see the answer. */
function refuse(request: IncomingMessage, response: ServerResponse, { status, Code, Message }: Refusal): void {
  const answer = (): void =>
    xmlAnswer(response, status, `<Error><Code>${Code}</Code><Message>${Message}</Message></Error>`)
  if (request.complete) answer()
  else request.on('end', answer).resume()
}

function xmlAnswer(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(xml) }).end(xml)
}

/** XML elements with these names and texts. */
function elements(texts: Record<string, string>): string {
  return Object.entries(texts)
    .map(([name, text]) => `<${name}>${text}</${name}>`)
    .join('')
}

/** The URL without the second slash that the SDK puts behind the name of a directory bucket. */
function oneSlash(url: string): string {
  return url.replace(/\/\/(?=\?|$)/, '/')
}

function replaceAll(text: string, replacements: Map<string, string>): string {
  for (const [from, to] of replacements) text = text.replaceAll(from, to)
  return text
}
