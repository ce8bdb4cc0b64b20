/**
 * Sends requests from threads in the way that its first argument names, to the server at its second one. It is run
 * against the built files, whose threads start without a loader.
 */
import cluster from 'node:cluster'
import { Worker } from 'node:worker_threads'
import { ThreadedHandler } from 's3-writable/threads'

const [, , scenarioName = '', url = ''] = process.argv
const { hostname, port } = new URL(url)
const request = (path) => ({ method: 'GET', protocol: 'http:', hostname, port, path, headers: {} })

async function send(path) {
  const { response } = await new ThreadedHandler({ threads: 2 }).handle(request(path))
  await response.body.toArray()
  console.log('answered')
}

const SCENARIOS = {
  idle: () => send('/ok'),
  exit: async () => {
    void send('/waits')
    await send('/ok')
    process.exit(7)
  },
  cluster: async () => {
    if (cluster.isPrimary) cluster.fork()
    else {
      await send('/ok')
      process.exit(0)
    }
  },
  worker: async () => {
    new Worker(`process.argv.push('idle', ${JSON.stringify(url)}); import(${JSON.stringify(import.meta.url)})`, {
      eval: true,
    })
  },
  'terminated worker': async () => {
    const code = `process.argv.push('exit', ${JSON.stringify(url)}); import(${JSON.stringify(import.meta.url)})`
    const worker = new Worker(code, { eval: true })
    worker.on('exit', (code) => console.log(`exit ${code}`))
  },
  'out of memory': async () => {
    const handler = new ThreadedHandler()
    process.on('worker', (worker) => {
      // The thread keeps every setting that it is sent. It stops at its limit only while it runs JavaScript, and V8 ends
      // the whole process if it needs much memory beyond that first: so these are many small messages.
      const fill = (n) => {
        const value = Array.from({ length: 1000 }, () => n + 0.5)
        for (let i = 0; i < 20; i++) worker.postMessage({ do: 'configure', key: `k${n}.${i}`, value })
        if (n < 2000) setTimeout(() => fill(n + 1), 2)
      }
      fill(0)
    })
    const error = await handler.handle(request('/waits')).then(
      () => undefined,
      (error) => error,
    )
    console.log(error.name, error.cause?.code, error.$retryable !== undefined)
    process.removeAllListeners('worker')
    const { response } = await handler.handle(request('/ok'))
    console.log(response.statusCode)
    process.exit()
  },
}
await SCENARIOS[scenarioName]?.()
