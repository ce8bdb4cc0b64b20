import { join } from 'node:path'
import t from 'tap'
import { testServer } from '../support/http-handlers.js'
import { runNode } from '../support/run-program.js'

const program = join(import.meta.dirname, '../support/programs/threads-and-exit.mjs')
const server = await testServer(t, (request, response) => {
  if (request.url === '/ok') response.end('ok')
})
const url = `http://127.0.0.1:${server.port}`

/** What each scenario prints, and how it ends: by itself, or the test does not end. */
const ENDS: Record<string, { code: number; stdout: string }> = {
  idle: { code: 0, stdout: 'answered\n' },
  exit: { code: 7, stdout: 'answered\n' },
  cluster: { code: 0, stdout: 'answered\n' },
  worker: { code: 0, stdout: 'answered\n' },
  'terminated worker': { code: 0, stdout: 'answered\nexit 7\n' },
}

for (const [scenario, expected] of Object.entries(ENDS)) {
  t.test(`nothing keeps a process with threads alive, and its exit code is its own: ${scenario}`, async (t) => {
    const { code, stdout, stderr } = await runNode([program, scenario, url])
    t.match({ code, stdout }, expected, stderr)
    await new Promise((resolve) => setImmediate(resolve))
    const connections = await new Promise((resolve) => server.server.getConnections((_, count) => resolve(count)))
    t.equal(connections, 0, 'no connection is left')
  })
}

t.test('a thread that is out of memory fails its request and is replaced, and the process goes on', async (t) => {
  const { stdout } = await runNode(['--max-old-space-size=60', program, 'out of memory', url])
  t.equal(stdout, 'ThreadEnded ERR_WORKER_OUT_OF_MEMORY true\n200\n')
})

/** Prints what the module, which its import is replaced by, has started, allocated and loaded. */
const WITHOUT = `
import { register } from 'node:module'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
let threads = 0
let shared = 0
process.on('worker', () => threads++)
globalThis.SharedArrayBuffer = class extends SharedArrayBuffer { constructor(...args) { super(...args); shared++ } }
const { s3Writable } = await import('s3-writable')
let parts = 0
const client = { config: {}, async send(command) {
  parts++
  return { UploadId: 'u', ETag: '"e"' }
} }
const upload = s3Writable({ client, Bucket: 'b', Key: 'k' })
upload.on('error', () => {})
upload.end(Buffer.alloc(1000))
await new Promise((resolve) => upload.on('close', resolve))
console.log(JSON.stringify({ threads, shared, sent: parts > 0 }))
`
t.test('without the handler there is no thread and no shared memory', async (t) => {
  const { stdout, stderr } = await runNode(['--input-type=module', '--eval', WITHOUT])
  t.same(JSON.parse(stdout), { threads: 0, shared: 0, sent: true }, stderr)
})

t.test('the module itself loads neither the threads nor the request handler of the SDK', async (t) => {
  const hooks = `export async function resolve(specifier, context, next) {
    const result = await next(specifier, context)
    const isOurs = /[/]dist[/]/.test(context.parentURL ?? '') && !/node_modules/.test(context.parentURL)
    if (isOurs && /threads|node-http-handler/.test(result.url)) console.log('LOADED ' + result.url)
    return result
  }`
  const code = `import { register } from 'node:module'
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))
    await import('s3-writable')
    console.log('done')`
  const { stdout, stderr } = await runNode(['--input-type=module', '--eval', code])
  t.equal(stdout, 'done\n', stderr)
})

t.test('the handler works by import and by require()', async (t) => {
  const send = `new ThreadedHandler().handle({ method: 'GET', protocol: 'http:', hostname: '127.0.0.1', port: ${server.port}, path: '/ok', headers: {} })
    .then(({ response }) => { response.body.resume(); console.log(response.statusCode) })`
  const modules = {
    module: `import { ThreadedHandler } from 's3-writable/threads'\n${send}`,
    commonjs: `const { ThreadedHandler } = require('s3-writable/threads')\n${send}`,
  }
  for (const [type, code] of Object.entries(modules)) {
    const { code: exitCode, stdout, stderr } = await runNode([`--input-type=${type}`, '--eval', code])
    t.match({ exitCode, stdout }, { exitCode: 0, stdout: '200\n' }, stderr)
  }
})
