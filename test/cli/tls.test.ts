import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, MiB } from '../support/bytes.js'
import { type Certificate, makeCertificate } from '../support/certificate.js'
import { cli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { smallStore } from '../support/small-store.js'
import { head, makeBucket } from '../support/store.js'

const S3 = 's3://bucket/key'
/** The tests trust the certificate of their S3 by this variable. */
const distrustful = { NODE_EXTRA_CA_CERTS: undefined, AWS_CA_BUNDLE: undefined }

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as { port: number }).port
}

/** A server with this certificate that answers every request as PutObject, and counts them. */
async function tlsServer(t: Test, { cert, key }: Certificate): Promise<{ url: string; requests: () => number }> {
  let requests = 0
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, async (request, response) => {
    requests++
    const etag = `"${createHash('md5')
      .update(await buffer(request))
      .digest('hex')}"`
    response.writeHead(200, { etag, connection: 'close' }).end()
  })
  return { url: `https://127.0.0.1:${await listen(t, server)}`, requests: () => requests }
}

/** A certificate that is signed by the authority. */
async function signed(
  folder: string,
  authority: Certificate,
  addresses = ['127.0.0.1'],
  options: { notBeforeDate?: Date; notAfterDate?: Date } = {},
): Promise<Certificate> {
  const ca = { key: readFileSync(authority.key, 'utf8'), cert: readFileSync(authority.cert, 'utf8') }
  return await makeCertificate(folder, addresses, { ca, ...options })
}

t.test('the bundle of --ca-bundle, AWS_CA_BUNDLE or the profile, in this order, is what is trusted', async (t) => {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t, { tls: true })
  const trusted = join(process.env.TEST_CERTIFICATE ?? '', 'public.crt')
  const folder = t.testdir()
  const { cert: other } = await makeCertificate(join(folder, 'other'), ['127.0.0.1'], { commonName: 'other' })
  const config = (path: string): string => {
    const file = join(folder, `config-${path === other}`)
    writeFileSync(file, `[default]\nregion = us-east-1\n[profile ours]\nca_bundle = ${path}\n`)
    return file
  }
  const inProfile = { AWS_CONFIG_FILE: config(trusted), AWS_PROFILE: 'ours' }
  const otherProfile = { AWS_CONFIG_FILE: config(other) }
  const runs: [args: string[], env: NodeJS.ProcessEnv, succeeds: boolean][] = [
    [[], {}, false],
    [['--ca-bundle', trusted], {}, true],
    [['--ca-bundle', trusted], { AWS_CA_BUNDLE: other }, true],
    [['--ca-bundle', other], { AWS_CA_BUNDLE: trusted }, false],
    [[], { AWS_CA_BUNDLE: trusted, ...otherProfile, AWS_PROFILE: 'ours' }, true],
    [[], inProfile, true],
    [[], { ...inProfile, AWS_CA_BUNDLE: '' }, true],
    [[], { ...inProfile, AWS_PROFILE: undefined }, false],
    [['--ca-bundle', other], { NODE_EXTRA_CA_CERTS: trusted }, true],
    [['--ca-bundle', trusted], { NODE_EXTRA_CA_CERTS: '/no/such/file' }, true],
    [['--no-verify-ssl'], { AWS_CA_BUNDLE: '/no/such/file' }, true],
  ]
  for (const [args, env, succeeds] of runs) {
    const { code, stderr } = await cli([`s3://${Bucket}/k`, ...args], {
      input: 'x',
      at: proxy.url,
      env: { ...distrustful, ...env },
    })
    t.equal(code, succeeds ? 0 : 1, `${args} ${JSON.stringify(env)} ${stderr}`)
  }
  const options = { at: proxy.url, env: { ...distrustful, NODE_NO_WARNINGS: undefined } }
  const big = await cli([`s3://${Bucket}/big`, '--no-verify-ssl'], { ...options, input: bytes(12 * MiB) })
  t.match(big, { code: 0, stderr: /^[^\n]*2 parts\n$/ }, 'no warning of Node is printed')
  t.match(await head(Bucket, 'big'), { ContentLength: 12 * MiB })
  const bundle = ['--ca-bundle', trusted]
  t.match(await cli(['ls', `s3://${Bucket}`, ...bundle], options), { code: 0, stderr: '' })
  t.match(await cli(['abort', `s3://${Bucket}`, '--older-than', '0s', ...bundle], options), { code: 0 })
  await nothingIsLeft(t, Bucket, 'none')
})

t.test('a bundle that cannot be used ends the command with what is wrong and where it was named', async (t) => {
  const store = await smallStore(t)
  const folder = t.testdir({ empty: '', text: 'no certificate', directory: {} })
  const { cert, key } = await makeCertificate(join(folder, 'good'))
  const good = readFileSync(cert, 'utf8')
  writeFileSync(join(folder, 'half'), `${good}\n${good.replace(/^([^-].{20})/m, '$1AAAA')}`)
  writeFileSync(join(folder, 'config'), `[default]\nca_bundle = ${join(folder, 'text')}\n`)
  const at = (name: string): string => join(folder, name)
  const wrong: [args: string[], env: NodeJS.ProcessEnv, message: RegExp][] = [
    [
      ['--ca-bundle', at('no\nne')],
      {},
      /no\\nne" of --ca-bundle cannot be used .*: ENOENT: no such file or directory\.\n$/,
    ],
    [['--ca-bundle', at('directory')], {}, /directory" of --ca-bundle .*: EISDIR/],
    [[], { AWS_CA_BUNDLE: at('empty') }, /empty" of AWS_CA_BUNDLE .* it has no certificate in PEM format\.\n$/],
    [[], { AWS_CONFIG_FILE: at('config') }, /text" of ca_bundle in \S*config .* it has no certificate in PEM format/],
    [['--ca-bundle', key], {}, /private\.key" of --ca-bundle .* it has no certificate in PEM format/],
    [['--ca-bundle', at('half')], {}, /half" of --ca-bundle .* its certificate 2 of 2 is damaged \(.+\)\.\n$/],
    [['--ca-bundle', cert, '--no-verify-ssl'], {}, /--ca-bundle and --no-verify-ssl exclude each other/],
  ]
  for (const [args, env, message] of wrong) {
    const { code, stderr, stdout } = await cli([S3, ...args], {
      input: 'x',
      at: store.endpoint,
      env: { ...distrustful, ...env },
    })
    t.match({ code, stderr, stdout }, { code: 2, stderr: message, stdout: '' })
    t.match(stderr, /^s3-writable: [^\n]*\n$/, 'on one line')
  }
  t.equal(store.seen.length, 0)
})

t.test('a certificate that is refused is explained at once, and the object cannot exist', async (t) => {
  const folder = t.testdir()
  const authority = await makeCertificate(join(folder, 'authority'), ['127.0.0.1'], { commonName: 'authority' })
  const long = { notBeforeDate: new Date('2020-01-01'), notAfterDate: new Date('2020-02-01') }
  const early = { notBeforeDate: new Date(Date.now() + 86_400_000) }
  const own = await signed(join(folder, 'own'), authority)
  mkdirSync(join(folder, 'chain'))
  const chain = { ...own, cert: join(folder, 'chain/public.crt') }
  writeFileSync(chain.cert, `${readFileSync(own.cert, 'utf8')}\n${readFileSync(authority.cert, 'utf8')}`)
  const trust = ['--ca-bundle', authority.cert]
  const refused: [certificate: Certificate, args: string[], message: RegExp][] = [
    [own, [], /is not signed by an authority that is trusted here: pass .* --ca-bundle FILE/],
    [chain, [], /is not signed by an authority that is trusted here: pass .* --ca-bundle FILE/],
    [authority, [], /is self-signed: pass the certificate with --ca-bundle FILE, or set AWS_CA_BUNDLE\.\n$/],
    [await signed(join(folder, 'host'), authority, ['127.0.0.2']), trust, /certificate is for another host name/],
    [await signed(join(folder, 'old'), authority, ['127.0.0.1'], long), trust, /certificate has expired: renew it/],
    [await signed(join(folder, 'new'), authority, ['127.0.0.1'], early), trust, /is not valid yet: .* clock/],
  ]
  for (const [certificate, args, message] of refused) {
    const server = await tlsServer(t, certificate)
    const options = { input: 'x', at: server.url, env: distrustful }
    const { code, stderr } = await cli([S3, ...args], options)
    t.match({ code, stderr }, { code: 1, stderr: message })
    t.notMatch(stderr, /may exist|not known/)
    t.equal(server.requests(), 0, 'the request was not sent, nor any other that asks for the object')
    t.match(await cli([S3, '--no-verify-ssl'], options), { code: 0 })
  }
})

t.test('http where the server speaks https, and the reverse, is explained', async (t) => {
  const store = await smallStore(t)
  const https = { at: store.endpoint.replace('http:', 'https:'), env: distrustful }
  const message = /wrong version number.*\. The server speaks http: use http:\/\/ in --endpoint-url\.\n$/
  for (const input of ['x', bytes(9 * MiB)]) {
    const { code, stderr } = await cli([S3], { ...https, input })
    t.match({ code, stderr }, { code: 1, stderr: message })
    t.notMatch(stderr, /may exist|\\n/)
  }
  t.match(await cli(['ls', 's3://bucket'], https), { code: 1, stderr: message })
  /** What servers answer to plain HTTP on a TLS port: Go's, nginx, OpenSSL's alert, and Node, which closes. */
  const answers: [answer: string | Buffer, message: RegExp][] = [
    ['HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n', /Use https:\/\/ in --endp/],
    [
      'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/html\r\n\r\n<html><body>' +
        'The plain HTTP request was sent to HTTPS port</body></html>',
      /Use https:\/\/ in --endpoint-url\.\n$/,
    ],
    [Buffer.from([0x15, 3, 1, 0, 2, 2, 70]), /The answer is not HTTP: .* use https:\/\/ in --endpoint-url/],
    ['', /The server closed the connection: check the port and http:\/\/ or https:\/\//],
  ]
  for (const [answer, message] of answers) {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end(answer))
    })
    const at = `http://127.0.0.1:${await listen(t, server)}`
    t.match(await cli(['ls', 's3://bucket'], { at }), { code: 1, stderr: message })
  }
})

t.test('a command that is printed repeats how certificates are verified', async (t) => {
  const store = await smallStore(t, {
    UploadPart: ({ response }) => response.writeHead(403, {}).end('<Error><Code>AccessDenied</Code></Error>'),
  })
  const run = async (...args: string[]): Promise<string> =>
    (await cli([S3, '--leave-parts', ...args], { at: store.endpoint, input: bytes(9 * MiB) })).stderr
  const { cert } = await makeCertificate(join(t.testdir(), 'c'))
  t.match(await run('--ca-bundle', cert), `s3-writable --resume ${S3} --ca-bundle=${cert} --upload-id=u1`)
  t.match(await run('--no-verify-ssl'), `s3-writable --resume ${S3} --no-verify-ssl --upload-id=u1`)
})
