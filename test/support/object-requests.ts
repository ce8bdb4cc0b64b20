/** Answers of the small store to the two requests that make an object, and the uploads that send these requests. */
import { type S3WritableOptions, type S3WritableResult, s3Writable } from '../../lib/index.js'
import { bytes, KiB, MiB, P } from './bytes.js'
import { type Answer, type SmallStore, s3Error } from './small-store.js'

export const COMPLETE = 'CompleteMultipartUpload'
/** The bytes of an object that is made by each of the two requests. */
export const DATA = { PutObject: bytes(KiB), [COMPLETE]: bytes(6 * MiB) }
type Operation = keyof typeof DATA
export const OPERATIONS = Object.keys(DATA) as Operation[]

/** Uploads an object that is made by `operation`. */
export async function uploadBy(
  operation: Operation,
  { client }: SmallStore,
  options: Partial<S3WritableOptions> = {},
): Promise<S3WritableResult> {
  const target = { client, Bucket: 'b', Key: 'k', partSize: P }
  const upload = s3Writable({ ...target, ...options } as S3WritableOptions)
  upload.end(DATA[operation])
  return await upload.done()
}

/** Answers the first attempt of a request by `first`, and all further ones by `later`. */
export function firstThen(first: Answer, later: Answer): Answer {
  return (exchange) => (exchange.seen.attempt === 1 ? first(exchange) : later(exchange))
}

/** Carries the request out in the store, and then answers by `answer`. */
export function carryOutThen(store: () => SmallStore, answer: Answer): Answer {
  return (exchange) => {
    const { seen, body } = exchange
    if (seen.operation === COMPLETE) store().complete('k')
    else store().put('k', body)
    return answer(exchange)
  }
}

/** An error with S3's own code. */
export function errorAnswer(status: number, Code: string): Answer {
  return ({ response }) => s3Error(response, status, Code)
}

export const HTML = '<html><head><title>Bad & worse</title></head><body>No <b>S3</body></html>'

/** An error page as a load balancer sends it. */
export function htmlAnswer(status: number): Answer {
  return ({ response }) => response.writeHead(status, { server: 'a-balancer', 'content-type': 'text/html' }).end(HTML)
}

/** Closes the connection without an answer. */
export const closeConnection: Answer = ({ response }) => response.destroy()
