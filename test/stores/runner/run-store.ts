/**
 * Starts one store and the proxy in front of it, runs the checks on it in the given runtime, and prints their outcomes,
 * which are lines of JSON. It is a process of its own, so that it can have its own network, and so that nothing is left
 * of it when it ends. It ends when its standard input is closed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../../support/faults.js'
import type { RecordedRequest } from '../../support/recorded-request.js'
import type { FAULTS } from '../checks/faulty-keys.js'
import { SETTING, type Setting } from '../checks/setting.js'
import { storeNamed } from '../stores.js'
import type { Failure, Job } from './job.js'
import type { RunningStore } from './store.js'

const job = JSON.parse(process.argv[2] ?? '') as Job
const store = storeNamed(job.store)

let running: RunningStore | undefined
let checks: ChildProcess | undefined
const data = mkdtempSync(join(tmpdir(), `s3-writable-${store.name}-`))
process.on('exit', () => {
  checks?.kill('SIGKILL')
  // What the keeper of the store's process cannot remove, because it did not start.
  rmSync(data, { recursive: true, force: true, maxRetries: 5 })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(1))
process.stdin.on('close', () => void end(1)).resume()

try {
  running = await store.start({ installed: job.installed, data, log: job.log, certificate: job.certificate })
  await end(await runChecks(running, await startProxy(running)))
} catch (error) {
  console.log(JSON.stringify({ failure: (error as Error).message } satisfies Failure))
  await end(1)
}

/** Stops all and ends the process. */
async function end(code: number): Promise<never> {
  checks?.kill('SIGKILL')
  await running?.stop()
  process.exit(code)
}

async function runChecks({ endpoint, accessKeyId, secretAccessKey }: RunningStore, proxy: string): Promise<number> {
  const { client = {}, bucketSuffix = '' } = store
  const { only } = job
  const setting: Setting = {
    endpoint,
    proxy,
    accessKeyId,
    secretAccessKey,
    client,
    bucketSuffix,
    ...(only === undefined ? {} : { only }),
  }
  const [runtime = '', ...words] = job.command
  checks = spawn(runtime, words, {
    cwd: job.folder,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: {
      ...process.env,
      [SETTING]: JSON.stringify(setting),
      DENO_CERT: job.certificate.cert,
      DENO_TLS_CA_STORE: 'system,mozilla',
    },
  })
  return await new Promise((resolve, reject) => {
    checks?.on('error', reject).on('close', (code) => resolve(code ?? 1))
  })
}

/** Starts the proxy of the tests in front of the store. Resolves with its URL. */
async function startProxy({ endpoint, accessKeyId, secretAccessKey }: RunningStore): Promise<string> {
  // The helpers of the tests read where the S3 is when they are loaded.
  process.env.S3_ENDPOINT = endpoint
  process.env.AWS_ACCESS_KEY_ID = accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey
  const { faultProxy } = await import('../../support/fault-proxy.js')
  return (await faultProxy({ teardown: () => {} }, { fault: faultOf })).url
}

/** What the proxy does to a request, which its key says. */
function faultOf({ operation, url, attempt }: RecordedRequest): Fault | undefined {
  const key = decodeURIComponent(url.split('/')[2] ?? '') as keyof typeof FAULTS
  const lost = (wanted: string): Fault | undefined => (operation === wanted ? { do: 'drop answer' } : undefined)
  if (key === 'complete-answers-lost') return lost('CompleteMultipartUpload')
  if (key === 'complete-answer-lost' && attempt === 1) return lost('CompleteMultipartUpload')
  if (key === 'put-answer-lost' && attempt === 1) return lost('PutObject')
  if (key === 'parts-late' && operation === 'UploadPart') return { do: 'pass on late', until: sleep(300) }
  return undefined
}
