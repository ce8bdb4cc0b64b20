import type { S3ClientLike } from '../options/types.js'

/** What the SDK's own request handlers have: https://github.com/smithy-lang/smithy-typescript */
interface RequestHandler {
  httpHandlerConfigs?: () => Partial<Record<'httpAgent' | 'httpsAgent', { maxSockets?: unknown }>>
}

/**
 * The most connections that the client opens with this protocol (`http:` or `https:`); undefined if that cannot be seen,
 * as with a request handler of another kind, or before the first request.
 */
export function maxSocketsOf({ config }: S3ClientLike, protocol: string): number | undefined {
  const { requestHandler } = config as { requestHandler?: RequestHandler }
  const agents = requestHandler?.httpHandlerConfigs?.()
  const maxSockets = agents?.[protocol === 'http:' ? 'httpAgent' : 'httpsAgent']?.maxSockets
  return typeof maxSockets === 'number' && maxSockets >= 1 ? maxSockets : undefined
}
