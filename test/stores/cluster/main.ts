/**
 * `npm run cluster`: a MinIO of four nodes behind a balancer, whose nodes are lost while uploads run. With `--verbose` it
 * prints why each upload failed. It needs `npm run build`.
 */
import { EventEmitter } from 'node:events'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { MINIO_ENV } from '../../support/servers.js'
import { startBalancer, type Traffic } from './balancer.js'
import { type Cluster, startCluster } from './cluster.js'
import { type Scenario, type Scene, scenarios } from './scenarios.js'
import { type ClusterUpload, planUploads, runUploads } from './uploads.js'
import { describe, type Remarks, verifyUpload, type Witness } from './verify.js'

const Bucket = 'cluster'
const ROOT = join(import.meta.dirname, '../../..')
const LOG = join(ROOT, '.cache/stores/logs/cluster.log')
/** How long the run may take, in ms. It takes five minutes on two cores. */
const LIMIT = 20 * 60_000

const violations: string[] = []
process.on('unhandledRejection', (reason) => violations.push(`a rejection was not handled: ${reason}`))
process.on('warning', ({ name, message }) => {
  // The SDK's own, about the versions of Node that it will need.
  if (!message.startsWith('NodeVersionSupportWarning')) violations.push(`a process warning: ${name}: ${message}`)
})
// The nodes end with this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

setTimeout(() => {
  console.log(`The run did not end within ${LIMIT / 60_000} minutes`)
  process.exit(1)
}, LIMIT).unref()

try {
  await main()
} catch (error) {
  violations.push((error as Error).stack as string)
}
for (const violation of new Set(violations)) console.log(`\n${violation}`)
process.exitCode = violations.length === 0 ? 0 : 1

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { verbose: { type: 'boolean', default: false } } })
  if (!existsSync(join(ROOT, 'dist/index.js'))) throw new Error('Run npm run build first')
  mkdirSync(join(LOG, '..'), { recursive: true })
  rmSync(LOG, { force: true })
  const cluster = await startCluster(LOG)
  try {
    await runScenarios(cluster, values.verbose)
  } finally {
    await cluster.stop()
  }
}

async function runScenarios(cluster: Cluster, verbose: boolean): Promise<void> {
  const removed = new Set<string>()
  const traffic: Traffic = new EventEmitter()
  const aborted = new Set<string>()
  traffic.on('answer', ({ method, url }, status) => {
    const UploadId = url.searchParams.get('uploadId')
    if (UploadId === null) return
    if (method === 'DELETE' && status === 204) aborted.add(UploadId)
    if (method === 'GET' && status === 404 && aborted.has(UploadId)) removed.add(UploadId)
  })
  const balancer = await startBalancer(
    cluster.nodes.map(({ endpoint }) => endpoint),
    traffic,
  )
  const witness = { Bucket, clients: cluster.nodes.map(({ endpoint }) => clientOf(endpoint)), removed }
  const client = clientOf(balancer.endpoint)
  const failed: ClusterUpload[] = []
  try {
    await client.send(new CreateBucketCommand({ Bucket }))
    for (const [index, scenario] of scenarios.entries()) {
      const uploads = planUploads(`scenario-${index + 1}`)
      const startedAt = performance.now()
      const running = runUploads(uploads, client, Bucket)
      await scenario.disturb({ nodes: cluster.nodes as Scene['nodes'], uploads, traffic })
      await running
      await cluster.untilHealthy()
      await balancer.untilAllUp()
      const seconds = (performance.now() - startedAt) / 1000
      const remarks = await verifyAll(uploads, witness)
      console.log(line(scenario, uploads, remarks, seconds))
      violations.push(...remarks.violations)
      if (verbose)
        for (const { Key, error } of uploads) if (error !== undefined) console.log(`  ${Key}: ${describe(error)}`)
      failed.push(...uploads.filter(({ outcome }) => outcome === 'failed'))
    }
    // Nothing has appeared since: a node that was stopped still had requests to carry out.
    violations.push(...(await verifyAll(failed, witness)).violations)
  } finally {
    balancer.stop()
    for (const one of [client, ...witness.clients]) one.destroy()
  }
}

/** A client as a user would make it: its handler and its retries are the SDK's own. */
function clientOf(endpoint: string): S3Client {
  const { MINIO_ROOT_USER: accessKeyId, MINIO_ROOT_PASSWORD: secretAccessKey } = MINIO_ENV
  const credentials = { accessKeyId, secretAccessKey }
  return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
}

async function verifyAll(uploads: ClusterUpload[], witness: Witness): Promise<Remarks> {
  const all: Remarks = { violations: [], notes: [] }
  for (const upload of uploads) {
    const { violations, notes } = await verifyUpload(upload, witness)
    all.violations.push(...violations)
    all.notes.push(...notes)
  }
  return all
}

/** Such as "a node is killed and restarted: 18 finished, 2 failed (2 × the source's error), 0 violations, 16 s". */
function line({ name }: Scenario, uploads: ClusterUpload[], { violations, notes }: Remarks, seconds: number): string {
  const finished = uploads.filter(({ outcome }) => outcome === 'finished')
  const failed = uploads.filter(({ outcome }) => outcome === 'failed')
  const reasons = failed.map(({ error, sourceError }) => {
    if (error === undefined || error === sourceError) return "the source's error"
    // Where S3 answered, the name is that of S3's exception.
    return [error.code, error.operation, ...(error.name === 'S3WritableError' ? [] : [error.name])].join(' ')
  })
  const codes = failed.length === 0 ? '' : ` (${counted(reasons)})`
  const remarks = notes.length === 0 ? '' : `\n  ${counted(notes)}`
  const counts = `${finished.length} finished, ${failed.length} failed${codes}, ${violations.length} violations`
  return `${name}: ${counts}, ${seconds.toFixed(0)} s${remarks}`
}

/** Such as "2 × a, 1 × b". */
function counted(texts: string[]): string {
  const different = [...new Set(texts)]
  return different.map((text) => `${texts.filter((one) => one === text).length} × ${text}`).join(', ')
}
