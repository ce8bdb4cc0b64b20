import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CreateBucketCommand, GetObjectCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { GenericContainer, Wait } from 'testcontainers'
import { storeReport } from './report.mjs'

const IMAGE = process.env.MINIO_IMAGE ?? 'minio/minio:RELEASE.2025-09-07T16-13-09Z'
const credentials = { accessKeyId: 'tests', secretAccessKey: 'only-for-tests' }
let container
let client

before(async () => {
  container = await new GenericContainer(IMAGE)
    .withCommand(['server', '/data'])
    .withEnvironment({
      MINIO_ROOT_USER: credentials.accessKeyId,
      MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
    })
    .withExposedPorts(9000)
    .withWaitStrategy(Wait.forHttp('/minio/health/ready', 9000))
    .start()
  const endpoint = `http://${container.getHost()}:${container.getMappedPort(9000)}`
  client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: 'reports' }))
})
after(async () => {
  client?.destroy()
  await container?.stop()
})

test('a large report is stored', async () => {
  const report = Buffer.alloc(20 * 1024 * 1024, 'row\n')
  const { Bucket, Key, parts } = await storeReport(client, [report])
  assert.equal(parts, 3)
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
  assert.ok(report.equals(await Body.transformToByteArray()))
})

test('a report whose rows fail leaves nothing', async () => {
  async function* rows() {
    yield Buffer.alloc(20 * 1024 * 1024, 'row\n')
    throw new Error('The database is gone')
  }
  await assert.rejects(storeReport(client, rows()), /The database is gone/)
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'reports' }))
  assert.deepEqual(Uploads, [])
})
