import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** What the proxy does to a request instead of passing it on unchanged. */
export type Fault =
  /**
   * Do not pass the request on; answer it as if the proxy were S3, once the request has been read to its end. With
   * `early`, answer before that.
   */
  | { do: 'answer'; status: number; body?: string; headers?: Record<string, string>; early?: boolean }
  /** Wait before the first byte of the body is read, then pass the request on. */
  | { do: 'hold'; until: Promise<unknown> }
  /**
   * Read the request to its end, wait, then pass it on, even if the client has disconnected meanwhile. With `broken`,
   * break the client's connection before the wait.
   */
  | { do: 'pass on late'; until: Promise<unknown>; broken?: boolean }
  /** Limit the rate at which the body is passed on. */
  | { do: 'throttle'; bytesPerSecond: number }
  /** Read `after` bytes of the body, wait for `until` if it is given, then break the connection. */
  | { do: 'reset'; after: number; until?: Promise<unknown> }
  /** Read the request to its end, but neither pass it on nor answer it. */
  | { do: 'swallow' }
  /** Accept the connection, but never read the body. */
  | { do: 'ignore' }
  /** Pass the request on, then break the connection instead of answering. */
  | { do: 'drop answer' }
  /** Pass the request on, then break the connection in the middle of the answer. */
  | { do: 'cut answer' }
  /** Pass the request on, but never answer. */
  | { do: 'swallow answer' }
  /** Pass the request on, then set a header of the answer; without `value`, remove the header. */
  | { do: 'set header'; header: string; value?: string }
  /** Pass the request on, then change the body of the answer. */
  | { do: 'rewrite'; body: (body: string) => string }

export const denied = {
  do: 'answer',
  status: 403,
  body: '<Error><Code>AccessDenied</Code><Message>Denied</Message></Error>',
} as const satisfies Fault

/** Answers a request that is not passed on to S3. */
export function answerInsteadOfS3(
  response: ServerResponse,
  { status, body, headers }: Extract<Fault, { do: 'answer' }>,
): void {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(body)
}

/** Sends S3's answer to the client, changed or lost as the fault demands. */
export async function sendAnswer(
  answer: IncomingMessage,
  response: ServerResponse,
  socket: Socket,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.do === 'drop answer' || fault?.do === 'swallow answer' || fault?.do === 'cut answer') {
    answer.resume()
    await once(answer, 'end')
    if (fault.do === 'cut answer') await sendStart(answer, response)
    if (fault.do !== 'swallow answer') socket.destroy()
    return
  }
  // These headers are about the connection between the proxy and S3, which is not the client's.
  const { connection: _, 'keep-alive': __, ...headers } = answer.headers
  if (fault?.do === 'set header') delete headers[fault.header]
  if (fault?.do === 'set header' && fault.value !== undefined) headers[fault.header] = fault.value
  if (fault?.do === 'rewrite') {
    const body = fault.body(Buffer.concat(await answer.toArray()).toString())
    delete headers['transfer-encoding']
    headers['content-length'] = String(Buffer.byteLength(body))
    response.writeHead(answer.statusCode ?? 500, headers).end(body)
    return
  }
  response.writeHead(answer.statusCode ?? 500, headers)
  answer.pipe(response)
}

/** Sends the headers and the start of a body that is never completed. */
async function sendStart(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/xml', 'content-length': 1000 })
  await new Promise((resolve) => response.write('<?xml version="1.0"?>', resolve))
}
