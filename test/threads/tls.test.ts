import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { makeCertificate } from '../support/certificate.js'
import { HANDLERS, outcome, testServer } from '../support/http-handlers.js'
import { certificate } from '../support/listen.js'

const folder = mkdtempSync(join(tmpdir(), 's3-writable-tls-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
/** A certificate that nobody trusts who is not given it, for a name that this machine does not have. */
const foreign = certificate((await makeCertificate(folder, [], { commonName: 'other.example' })).folder)
const trusted = certificate()

/** Answers with the name that the client asked for, and whether the client showed a certificate. */
const demanding = await testServer(
  t,
  (request, response) => {
    const { servername, authorized } = request.socket as TLSSocket & { servername: string }
    response.end(`${servername} ${authorized}`)
  },
  { ...foreign, ca: [foreign.cert], requestCert: true, rejectUnauthorized: false },
)

const CASES: Record<string, { options: object; succeeds: boolean }> = {
  'no options': { options: {}, succeeds: false },
  'the certificate as ca, and its name': {
    options: { ca: foreign.cert, servername: 'localhost' },
    succeeds: true,
  },
  'the certificate as ca, as text, in a list': {
    options: { ca: [foreign.cert.toString()], servername: 'localhost' },
    succeeds: true,
  },
  'the certificate as ca, but not its name': { options: { ca: foreign.cert }, succeeds: false },
  'another name': { options: { ca: foreign.cert, servername: 'wrong.example' }, succeeds: false },
  'the certificate of somebody else as ca': { options: { ca: trusted.cert, servername: 'localhost' }, succeeds: false },
  'rejectUnauthorized false': { options: { rejectUnauthorized: false }, succeeds: true },
  "a client's certificate": {
    options: { ca: foreign.cert, servername: 'localhost', cert: foreign.cert, key: foreign.key },
    succeeds: true,
  },
  "a client's certificate without its key": {
    options: { ca: foreign.cert, servername: 'localhost', cert: foreign.cert },
    succeeds: true,
  },
  "a client's certificate with another key": {
    options: { ca: foreign.cert, servername: 'localhost', cert: foreign.cert, key: trusted.key },
    succeeds: false,
  },
  'a certificate that is none': { options: { ca: foreign.cert, cert: 'none', key: 'none' }, succeeds: false },
  'a version of TLS that the server does not speak': {
    options: { rejectUnauthorized: false, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' },
    succeeds: false,
  },
}

for (const [title, { options, succeeds }] of Object.entries(CASES)) {
  t.test(`TLS options have the same effect with every handler: ${title}`, async (t) => {
    const results: object[] = []
    for (const create of Object.values(HANDLERS)) {
      const handler = create({ httpsAgent: { ...options, maxSockets: 3 } })
      results.push(withoutAddress(await outcome(handler, demanding.request())))
      handler.destroy()
    }
    const [expected, ...others] = results
    for (const actual of others) t.same(actual, expected)
    t.match(expected, succeeds ? { statusCode: 200 } : { error: { name: String } })
  })
}

/** OpenSSL's messages begin with the number of the thread. */
function withoutAddress(result: object): object {
  return JSON.parse(JSON.stringify(result).replaceAll(/[0-9A-F]{8,16}:error/g, 'error'))
}

t.test('a certificate that the whole process trusts is trusted in the threads', async (t) => {
  const server = await testServer(t, (_, response) => response.end('ok'), trusted)
  for (const create of Object.values(HANDLERS)) {
    const handler = create()
    t.match(await outcome(handler, server.request()), { statusCode: 200 })
    handler.destroy()
  }
})
