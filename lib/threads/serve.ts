import type { AgentOptions } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { MessagePort } from 'node:worker_threads'
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler'
import type { FromThread, ToThread } from './messages.js'
import { Outgoing } from './outgoing.js'
import { announceGarbage } from './shared-memory.js'

/** Sends the requests that arrive at the port. `options` are those of the SDK's own request handler. */
export function serve(port: MessagePort, options: NodeHttpHandlerOptions): void {
  const requests = new Map<number, Outgoing>()
  const post = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)
  const warn = (...texts: unknown[]): void =>
    post({
      id: 0,
      is: 'warning',
      text: texts.map(String).join(' '),
    })
  // The SDK's handler only warns.
  const logger = { warn } as unknown as NonNullable<NodeHttpHandlerOptions['logger']>
  const handler = new NodeHttpHandler({ ...withSecureContext(options), logger })

  port.on('message', (message: ToThread) => {
    if (message.do === 'configure') {
      handler.updateHttpClientConfig(message.key as never, message.value as never)
      return
    }
    if (message.do === 'forget') {
      announceGarbage(message.bytes)
      return
    }
    const { id } = message
    if (message.do !== 'begin') {
      // A request that has ended meanwhile is not in the map.
      requests.get(id)?.receive(message)
      return
    }
    const outgoing = new Outgoing(
      handler,
      message,
      (news, transfer) => post({ ...news, id } as FromThread, transfer),
      () => requests.delete(id),
    )
    requests.set(id, outgoing)
  })
}

/**
 * Certificates are parsed once here. As options of the agent, Node would parse them for every connection: 35 ms for the
 * bundle of a Linux distribution. If they are wrong, that is left to Node, so that the request fails with Node's error.
 */
function withSecureContext(options: NodeHttpHandlerOptions): NodeHttpHandlerOptions {
  const httpsAgent = options.httpsAgent as AgentOptions | undefined
  if (httpsAgent?.ca === undefined && httpsAgent?.cert === undefined && httpsAgent?.pfx === undefined) return options
  try {
    return { ...options, httpsAgent: { ...httpsAgent, secureContext: createSecureContext(httpsAgent) } as never }
  } catch {
    return options
  }
}
