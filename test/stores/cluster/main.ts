/** `npm run cluster`: a MinIO of four nodes behind a balancer, whose nodes are lost while uploads run. Needs `npm run build`. */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { MINIO_ENV } from '../../support/servers.js'
import { type PassedAnswer, startBalancer } from './balancer.js'
import { type Cluster, startCluster } from './cluster.js'
import { type Scenario, scenarios } from './scenarios.js'
import { type ClusterUpload, planUploads, runUploads } from './uploads.js'
import { type Remarks, verifyUpload, type Witness } from './verify.js'

const Bucket = 'cluster'
const ROOT = join(import.meta.dirname, '../../..')
const LOG = join(ROOT, '.cache/stores/logs/cluster.log')

const violations: string[] = []
process.on('unhandledRejection', (reason) => violations.push(`a rejection was not handled: ${reason}`))
process.on('warning', ({ name, message }) => violations.push(`a process warning: ${name}: ${message}`))
// The nodes end with this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

try {
  await main()
} catch (error) {
  violations.push((error as Error).stack as string)
}
for (const violation of new Set(violations)) console.log(`\n${violation}`)
process.exitCode = violations.length === 0 ? 0 : 1

async function main(): Promise<void> {
  if (!existsSync(join(ROOT, 'dist/index.js'))) throw new Error('Run npm run build first')
  mkdirSync(join(LOG, '..'), { recursive: true })
  rmSync(LOG, { force: true })
  const cluster = await startCluster(LOG)
  try {
    await runScenarios(cluster)
  } finally {
    await cluster.stop()
  }
}

async function runScenarios(cluster: Cluster): Promise<void> {
  const removed = new Set<string>()
  const balancer = await startBalancer(
    cluster.nodes.map(({ endpoint }) => endpoint),
    (answer) => rememberRemoved(answer, removed),
  )
  const clients = cluster.nodes.map(({ endpoint }) => clientOf(endpoint))
  const client = clientOf(balancer.endpoint)
  try {
    await client.send(new CreateBucketCommand({ Bucket }))
    for (const [index, scenario] of scenarios.entries()) {
      const uploads = planUploads(`scenario-${index + 1}`)
      const running = runUploads(uploads, client, Bucket)
      await scenario.disturb(cluster.nodes, uploads)
      await running
      await cluster.untilHealthy()
      await balancer.untilAllUp()
      const remarks = await verifyAll(uploads, { Bucket, clients, removed })
      console.log(line(scenario, uploads, remarks))
      violations.push(...remarks.violations)
    }
  } finally {
    balancer.stop()
    for (const one of [client, ...clients]) one.destroy()
  }
}

/** A client as a user would make it: its handler and its retries are the SDK's own. */
function clientOf(endpoint: string): S3Client {
  const { MINIO_ROOT_USER: accessKeyId, MINIO_ROOT_PASSWORD: secretAccessKey } = MINIO_ENV
  const credentials = { accessKeyId, secretAccessKey }
  return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
}

/** Remembers the upload if the answer is ListParts' NoSuchUpload. */
function rememberRemoved({ method, url, status }: PassedAnswer, removed: Set<string>): void {
  const UploadId = url.searchParams.get('uploadId')
  if (method === 'GET' && status === 404 && UploadId !== null) removed.add(UploadId)
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

/** Such as "a node is killed and restarted: 18 finished, 2 failed clean (2 × the source's error), 0 violations". */
function line({ name }: Scenario, uploads: ClusterUpload[], { violations, notes }: Remarks): string {
  const finished = uploads.filter(({ outcome }) => outcome === 'finished')
  const failed = uploads.filter(({ outcome }) => outcome === 'failed')
  const reasons = failed.map(({ error, sourceError }) =>
    error === sourceError ? "the source's error" : `${error?.code} ${error?.operation}`,
  )
  const codes = failed.length === 0 ? '' : ` (${counted(reasons)})`
  const remarks = notes.length === 0 ? '' : `\n  ${counted(notes)}`
  return `${name}: ${finished.length} finished, ${failed.length} failed${codes}, ${violations.length} violations${remarks}`
}

/** Such as "2 × a, 1 × b". */
function counted(texts: string[]): string {
  const different = [...new Set(texts)]
  return different.map((text) => `${texts.filter((one) => one === text).length} × ${text}`).join(', ')
}
