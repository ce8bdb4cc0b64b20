import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'

/** A file that is sent to a server. */
export interface SentFile {
  name: string
  type: string
  data: Buffer
}

/** How a server takes files: all in one form, or each as the body of a request. */
export type SentAs = 'form' | 'body'

/** A request that sends files to a server. */
export interface UploadRequest {
  method: string
  path: string
  headers: Record<string, string>
  body: Buffer
}

/** The requests that send these files. */
export async function uploadRequests(sentAs: SentAs, files: SentFile[]): Promise<UploadRequest[]> {
  return sentAs === 'form' ? [await formRequest(files)] : files.map(bodyRequest)
}

/** A browser's form with a text field and these files. */
async function formRequest(files: SentFile[]): Promise<UploadRequest> {
  const form = new FormData()
  form.append('title', 'My files')
  for (const { name, type, data } of files) form.append('files', new Blob([data], { type }), name)
  const encoded = new Response(form)
  const headers = { 'content-type': encoded.headers.get('content-type') ?? '' }
  return { method: 'POST', path: '/', headers, body: Buffer.from(await encoded.arrayBuffer()) }
}

/** A PUT request whose body is the file. */
function bodyRequest({ name, type, data }: SentFile): UploadRequest {
  return { method: 'PUT', path: `/${name}`, headers: { 'content-type': type }, body: data }
}

/**
 * Sends the request, with a pause after `size` bytes of the body if `until` is given. Resolves with the answer once the
 * server has also taken the whole body, because many clients read no answer before that.
 */
export async function send(
  url: string,
  upload: UploadRequest,
  size = 0,
  until?: Promise<unknown>,
): Promise<{ status: number; etag: string | undefined; text: string }> {
  const sending = begin(url, upload)
  const answered = Promise.all([once(sending, 'response') as Promise<[IncomingMessage]>, once(sending, 'finish')])
  sending.write(upload.body.subarray(0, size))
  await until
  sending.end(upload.body.subarray(size))
  const [[answer]] = await answered
  return { status: answer.statusCode ?? 0, etag: answer.headers.etag, text: await text(answer) }
}

/** Sends the first `size` bytes of the body, and disconnects once `until` has resolved. */
export async function sendStart(
  url: string,
  upload: UploadRequest,
  size: number,
  until?: Promise<unknown>,
): Promise<void> {
  const sending = begin(url, upload)
  sending.on('error', () => {})
  await new Promise((resolve) => sending.write(upload.body.subarray(0, size), resolve))
  await until
  sending.destroy()
  await new Promise((resolve) => sending.on('close', resolve))
}

function begin(url: string, { method, path, headers, body }: UploadRequest): ClientRequest {
  return request(`${url}${path}`, { method, headers: { ...headers, 'content-length': body.length } })
}
