import { PartBody, SLICE } from './part-body.js'

/** How a command with a body is to be sent. */
export interface BodyHandling {
  /** Hears how many bytes of the current attempt have been given to the network. */
  onTaken: (taken: number) => void
  /** Hears of the slices that the body of an attempt goes in; a small body goes whole. */
  onSlices: (slices: PartBody) => void
  /** Undefined: over https only. */
  unsignedPayload: boolean | undefined
  /** Hears the URL of the request, without its query. */
  onUrl: (url: string) => void
}

/** The SDK's request, by shape: its class may be there in two versions. */
interface HttpRequest {
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
/** Below the SDK's retries and signature: runs once for each attempt. */
const INNERMOST = { step: 'deserialize', priority: 'low' }
type Middleware = (next: (args: Args) => Promise<unknown>) => (args: Args) => Promise<unknown>
interface Command {
  middlewareStack: { add(middleware: Middleware, where: object): void }
}

/**
 * Adds to this one command, and to nothing else that the client sends:
 * - no `Expect: 100-continue`, for which the SDK opens a connection of its own for every part;
 * - no SHA-256 of the body where it need not be signed;
 * - the body in slices below the SDK's retries and signature, which see the whole Buffer.
 *
 * https://github.com/aws/aws-sdk-js-v3/blob/main/supplemental-docs/CLIENTS.md#middleware-stack
 */
export function sendBody<C extends object>(command: C, handling: BodyHandling): C {
  const { middlewareStack } = command as unknown as Command
  middlewareStack.add(prepare(handling), { step: 'build', priority: 'low', name: 's3WritablePrepare' })
  middlewareStack.add(slice(handling), { ...INNERMOST, name: 's3WritableSlice' })
  return command
}

/** Any command, with a body or without: its attempts are told. */
export function tellAttempts<C extends object>(command: C, onAttempt: () => void): C {
  const { middlewareStack } = command as unknown as Command
  const tell: Middleware = (next) => (args) => {
    onAttempt()
    return next(args)
  }
  middlewareStack.add(tell, { ...INNERMOST, name: 's3WritableAttempt' })
  return command
}

function prepare({ unsignedPayload, onUrl }: BodyHandling): Middleware {
  return (next) => (args) => {
    const { headers, protocol, hostname, port, path } = args.request
    delete headers.Expect
    if (unsignedPayload ?? protocol === 'https:') headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
    onUrl(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`)
    return next(args)
  }
}

function slice({ onTaken, onSlices }: BodyHandling): Middleware {
  return (next) => (args) => {
    const { body } = args.request
    if (!(body instanceof Uint8Array) || body.length <= SLICE) return next(args)
    const slices = new PartBody(body, onTaken)
    onSlices(slices)
    return next({ ...args, request: { ...args.request, body: slices } })
  }
}
