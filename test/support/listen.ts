import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'

/** Starts a server on a free port, and closes it when the test ends. Resolves with the port. */
export async function listen(t: Pick<Test, 'teardown'>, server: Server): Promise<number> {
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // If another teardown throws, tap skips the one below. The open server must not keep the test file from ending then.
  server.unref()
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** The certificate of the tests, which every process of the tests trusts. */
export function certificate(folder = process.env.TEST_CERTIFICATE ?? ''): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(join(folder, 'public.crt')), key: readFileSync(join(folder, 'private.key')) }
}
