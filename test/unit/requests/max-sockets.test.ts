import t from 'tap'
import { maxSocketsOf } from '../../../lib/requests/max-sockets.js'

const clientWith = (requestHandler: unknown) => ({ send: async () => {}, config: { requestHandler } })

t.test("the limit of the protocol's agent counts, where there is one", async (t) => {
  const agents = { httpAgent: { maxSockets: 3 }, httpsAgent: { maxSockets: 7 } }
  const client = clientWith({ httpHandlerConfigs: () => agents })
  t.equal(maxSocketsOf(client, 'http:'), 3)
  t.equal(maxSocketsOf(client, 'https:'), 7)
  t.equal(maxSocketsOf(client, ''), 7)
  for (const handler of [
    undefined,
    {},
    { httpHandlerConfigs: () => undefined },
    { httpHandlerConfigs: () => ({}) },
    { httpHandlerConfigs: () => ({ httpsAgent: {} }) },
    { httpHandlerConfigs: () => ({ httpsAgent: { maxSockets: '7' } }) },
    { httpHandlerConfigs: () => ({ httpsAgent: { maxSockets: 0 } }) },
  ]) {
    t.equal(maxSocketsOf(clientWith(handler), 'https:'), undefined, JSON.stringify(handler))
  }
  t.equal(
    maxSocketsOf(clientWith({ httpHandlerConfigs: () => ({ httpsAgent: { maxSockets: Infinity } }) }), 'https:'),
    Infinity,
  )
})
