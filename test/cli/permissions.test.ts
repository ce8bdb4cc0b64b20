import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DeleteObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { bytes, MiB } from '../support/bytes.js'
import { cli, type Running } from '../support/cli.js'
import { faultProxy, type ProxyOptions } from '../support/fault-proxy.js'
import { blocks, page } from '../support/pages.js'
import {
  accessKeyId,
  endpoint,
  head,
  isMinio,
  makeBucket,
  region,
  s3Client,
  secretAccessKey,
} from '../support/store.js'
import { unfinishedUpload } from '../support/unfinished-upload.js'

const { AssumeRoleProvider } = await import('minio/dist/esm/AssumeRoleProvider.mjs')
const REQUESTS = join(import.meta.dirname, '../../lib/requests/requests.ts')

/**
 * The permission that each S3 operation needs.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
const PERMISSIONS: Record<string, string> = {
  PutObject: 's3:PutObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  ListParts: 's3:ListMultipartUploadParts',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  HeadObject: 's3:GetObject',
}
const stores = page('lib/stores.md')
const policy = blocks.find(({ page, code }) => page === 'lib/stores.md' && code.includes('"Statement"'))?.code ?? ''

/** The environment of a machine that has only the permissions of the policy, for this bucket instead of `backups`. */
async function restricted(Bucket: string): Promise<NodeJS.ProcessEnv> {
  const provider = new AssumeRoleProvider({
    stsEndpoint: endpoint.href,
    accessKey: accessKeyId,
    secretKey: secretAccessKey,
    policy: policy.replaceAll(':::backups', `:::${Bucket}`),
    region,
  })
  const { accessKey, secretKey, sessionToken } = await provider.getCredentials()
  return { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_SESSION_TOKEN: sessionToken }
}

t.test('the table of permissions has one for every operation that the package sends', (t) => {
  const operations = [...readFileSync(REQUESTS, 'utf8').matchAll(/new (\w+)Command\(/g)].map(([, name]) => name ?? '')
  t.same([...new Set(operations)].sort(), Object.keys(PERMISSIONS).sort())
  for (const name of new Set(Object.values(PERMISSIONS))) t.match(stores, `| \`${name}\` |`)
  t.end()
})

t.test('the policy permits exactly what the command needs to upload, clean up, resume and list', async (t) => {
  if (!isMinio) return t.comment('left out: only MinIO gives credentials for a policy')
  const Bucket = await makeBucket(t)
  const env = await restricted(Bucket)
  let fault: ProxyOptions['fault']
  const proxy = await faultProxy(t, { fault: (seen) => fault?.(seen) })
  const run = async (...args: string[]): Promise<Running> => await cli(args, { env, at: proxy.url, input: data })
  const data = bytes(17 * MiB)
  const S3 = `s3://${Bucket}/k`
  t.match(await run(`s3://${Bucket}/small`, '--', 'echo', 'x'), { code: 0 })
  t.match(await run(S3, '--', 'sh', '-c', 'head -c 9000000 /dev/zero; exit 3'), { code: 3, stderr: /Nothing was/ })
  t.match(await run(S3), { code: 0 })
  await unfinishedUpload(s3Client(t), Bucket, { 1: data.subarray(0, 8 * MiB) })
  t.match(await run('ls', `s3://${Bucket}`), { code: 0, stdout: /8\.0 MiB/ })
  t.match(await run('--resume=auto', S3), { code: 0, stderr: /8\.0 MiB/ })
  await unfinishedUpload(s3Client(t), Bucket, {})
  t.match(await run('abort', `s3://${Bucket}`, '--older-than', '0s', '--yes'), { code: 0, stderr: /1 removed/ })

  const used = new Set(proxy.seen.map(({ operation }) => PERMISSIONS[operation]))
  const { Statement } = JSON.parse(policy) as { Statement: { Effect: string; Action: string | string[] }[] }
  t.same(Statement.flatMap(({ Action }) => Action).sort(), [...used].sort())
  t.ok(Statement.every(({ Effect }) => Effect === 'Allow'))

  const credentials = {
    accessKeyId: env.AWS_ACCESS_KEY_ID ?? '',
    secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '',
    sessionToken: env.AWS_SESSION_TOKEN ?? '',
  }
  const client = s3Client(t, { credentials })
  await t.rejects(client.send(new GetObjectCommand({ Bucket, Key: 'k' })), { name: 'AccessDenied' }, 'nothing is read')
  await t.rejects(client.send(new DeleteObjectCommand({ Bucket, Key: 'k' })), { name: 'AccessDenied' }, 'or deleted')
  const elsewhere = await run(`s3://${await makeBucket(t)}/k`, '--', 'echo', 'x')
  t.match(elsewhere, { code: 1, stderr: /AccessDenied/ }, 'or written to another bucket')

  fault = ({ operation }) => (operation === 'CompleteMultipartUpload' ? { do: 'drop answer' } : undefined)
  t.match(
    await run(`s3://${Bucket}/lost`),
    { code: 1 },
    'without s3:GetObject an upload whose answer was lost may fail',
  )
  t.ok(await head(Bucket, 'lost'), 'although its object exists')
})
