import { hashInTurns, MAX_HASH_INPUT } from '../checksums/hash.js'
import { type Attempt, type HttpAnswer, type ReadOptions, readAnswer } from './answer.js'
import { FIRST_SLICE, SlicedBody, type SliceSize } from './sliced-body.js'

/** How a command with a body is to be sent. */
export interface BodyHooks {
  /** Of the upload that the body belongs to. */
  sliceSize: SliceSize
  /** Hears how many bytes of the current attempt have been given to the network. */
  onTaken: (taken: number) => void
  /** Hears of the slices that the body of an attempt goes in; a small body goes whole. */
  onSlices: (slices: SlicedBody) => void
  /** Undefined: over https only. */
  unsignedPayload: boolean | undefined
  /** Whether the upload declared one: a body may not carry any other. */
  checksum: boolean
  /** Hears that a body so large that it is hashed in turns is being hashed; what it throws ends that. */
  onTurn: () => void
  /** Hears the URL of the request, without its query. */
  onUrl: (url: string) => void
}

/** How every attempt at a command is to be sent, and its answer read. */
export interface AttemptHooks {
  /** Notes an attempt that begins, and the secrets in its headers. Throws where none may begin any more. */
  onAttempt: (secrets: string[]) => Attempt
  answer: ReadOptions
  /** Where the command has a body. */
  body?: BodyHooks | undefined
}

/** The SDK's request, by shape: its class may be there in two versions. */
interface HttpRequest {
  method: string
  protocol: string
  hostname: string
  port?: number
  path: string
  headers: Record<string, string>
  body?: unknown
}
interface Args {
  request: HttpRequest
}
const PAYLOAD = 'x-amz-content-sha256'
const CHECKSUM = /^x-amz-(sdk-)?checksum-/i
/** Below the SDK's retries and signature: runs once for each attempt. */
const INNERMOST = { step: 'deserialize', priority: 'low' }
/** With these, no byte has left this machine. */
const NO_CONNECTION = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']
type Result = { response: HttpAnswer }
type Middleware = (next: (args: Args) => Promise<Result>) => (args: Args) => Promise<Result>
interface Command {
  middlewareStack: { add(middleware: Middleware, where: object): void }
}

/**
 * Adds to this one command, and to nothing else that the client sends: every attempt is noted, and how far its answer came,
 * and an answer is bounded. Where there is a body:
 * - no `Expect: 100-continue`, for which the SDK opens a connection of its own for every part;
 * - no checksum that the upload did not declare, as the SDK adds one by itself;
 * - no SHA-256 of it where it need not be signed, and one in turns where the SDK's own would fail;
 * - it goes in slices below the SDK's retries and signature, which see the whole Buffer.
 *
 * https://github.com/aws/aws-sdk-js-v3/blob/main/supplemental-docs/CLIENTS.md#middleware-stack
 */
export function addMiddleware<C extends object>(command: C, handling: AttemptHooks): C {
  const { middlewareStack } = command as unknown as Command
  const { body } = handling
  if (body !== undefined)
    middlewareStack.add(prepare(body), { step: 'build', priority: 'low', name: 's3WritablePrepare' })
  middlewareStack.add(attempt(handling), { ...INNERMOST, name: 's3WritableAttempt' })
  return command
}

function prepare({ unsignedPayload, checksum, onTurn, onUrl }: BodyHooks): Middleware {
  return (next) => async (args) => {
    const { headers, protocol, hostname, port, path, body } = args.request
    delete headers.Expect
    if (!checksum) for (const name of Object.keys(headers)) if (CHECKSUM.test(name)) delete headers[name]
    if (unsignedPayload ?? protocol === 'https:') headers[PAYLOAD] = 'UNSIGNED-PAYLOAD'
    else if (body instanceof Uint8Array && body.length > MAX_HASH_INPUT)
      headers[PAYLOAD] = (await hashInTurns('sha256', body, onTurn)).digest('hex')
    onUrl(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`)
    return await next(args)
  }
}

function attempt({ onAttempt, answer, body }: AttemptHooks): Middleware {
  return (next) => async (args) => {
    const noted = onAttempt(secretsIn(args.request.headers))
    const request = body === undefined ? args.request : sliced(args.request, body)
    let result: Result
    try {
      result = await next({ ...args, request })
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      noted.wasNotSent = NO_CONNECTION.includes(code) || (request.body instanceof SlicedBody && !request.body.isTaken)
      throw error
    }
    await readAnswer(result.response, noted, answer)
    return result
  }
}

/** What a store, or what lies between, might repeat in an error. */
function secretsIn(headers: HttpRequest['headers']): string[] {
  const values = Object.entries(headers).flatMap(([name, value]) => {
    if (/^authorization$/i.test(name)) return [value, value.replace(/^.*Signature=/, '')]
    return /^x-amz-(security-token|s3session-token|.*customer-key)$/i.test(name) ? [value] : []
  })
  return values.filter((value) => value !== '')
}

function sliced(request: HttpRequest, { sliceSize: pace, onTaken, onSlices }: BodyHooks): HttpRequest {
  const { body } = request
  if (!(body instanceof Uint8Array)) return request
  // By what it keeps in memory: a short last part is a view of a whole buffer.
  if (body.buffer.byteLength <= FIRST_SLICE) {
    onTaken(body.length)
    return request
  }
  const slices = new SlicedBody(body, pace, onTaken)
  onSlices(slices)
  return { ...request, body: slices }
}
