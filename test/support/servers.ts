import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Certificate } from './certificate.js'

/** An S3 to test against, as the SDK's own environment variables name it. */
export interface Server {
  name: string
  env: {
    S3_ENDPOINT: string
    AWS_ACCESS_KEY_ID: string
    AWS_SECRET_ACCESS_KEY: string
    AWS_REGION: string
  }
  stop: () => Promise<void>
}

/** Its makers publish source only; this version is the one that the facts of the tests were seen on. */
const GO_MODULE = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c'
const IMAGE = 'minio/minio:RELEASE.2025-09-07T16-13-09Z'
const KEY = 's3-writable'
const SECRET = 'only-for-tests'
/** MinIO's own variables. The key is for objects that the store encrypts; it protects nothing here. */
const MINIO_ENV = {
  MINIO_ROOT_USER: KEY,
  MINIO_ROOT_PASSWORD: SECRET,
  MINIO_KMS_SECRET_KEY: `test-key:${Buffer.alloc(32, 'k').toString('base64')}`,
}
const BIN = join(import.meta.dirname, '../../.cache/bin')

const FINDERS = { endpoint: given, binary, container, go: built }
type Finder = keyof typeof FINDERS

/** The first S3 that can be had, or the one that TEST_S3 asks for. */
export async function findServer(certificate: Certificate): Promise<Server> {
  const asked = process.env.TEST_S3
  if (asked !== undefined && !(asked in FINDERS)) {
    throw new Error(`TEST_S3 must be one of ${Object.keys(FINDERS).join(', ')}. Received ${asked}`)
  }
  const order = asked === undefined ? (Object.keys(FINDERS) as Finder[]) : [asked as Finder]
  for (const finder of order) {
    const server = await FINDERS[finder](certificate)
    if (server !== undefined) return server
  }
  throw new Error(`The tests need an S3, and found none (looked for: ${order.join(', ')}). Any one of these is enough:
  - S3_ENDPOINT=http://host:port, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION
  - a minio on the PATH
  - Docker or Podman, for the image in MINIO_IMAGE (default ${IMAGE})
  - Go, to build MinIO once: https://go.dev/doc/install`)
}

/** S3_ENDPOINT, where a server already runs. */
async function given(): Promise<Server | undefined> {
  const { S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION = 'us-east-1' } = process.env
  if (!S3_ENDPOINT) return undefined
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new Error('S3_ENDPOINT is set; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set with it')
  }
  const env = {
    S3_ENDPOINT,
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AWS_REGION,
  }
  return { name: S3_ENDPOINT, env, stop: async () => {} }
}

/** A minio on the PATH, or one that was built before. */
async function binary(certificate: Certificate): Promise<Server | undefined> {
  const name = process.platform === 'win32' ? 'minio.exe' : 'minio'
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), BIN]
  const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
  return found === undefined ? undefined : await run(found, certificate)
}

/** A container, where Docker or Podman answers. */
async function container(certificate: Certificate): Promise<Server | undefined> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers')
  try {
    await getContainerRuntimeClient()
  } catch {
    return undefined
  }
  const image = process.env.MINIO_IMAGE ?? IMAGE
  const started = await new GenericContainer(image)
    .withCommand(['server', '/data', '--certs-dir', '/certs'])
    .withEnvironment(MINIO_ENV)
    .withCopyFilesToContainer([
      { source: certificate.cert, target: '/certs/public.crt' },
      { source: certificate.key, target: '/certs/private.key' },
    ])
    .withExposedPorts(9000)
    .withWaitStrategy(Wait.forHttp('/minio/health/live', 9000).usingTls().allowInsecure())
    .start()
  // By address, as for the others: the SDK then addresses buckets by path.
  const env = environment(`https://127.0.0.1:${started.getMappedPort(9000)}`)
  return {
    name: `MinIO in a container (${image})`,
    env,
    stop: async () => {
      await started.stop()
    },
  }
}

/** MinIO from source, where there is Go; takes minutes, once. */
async function built(certificate: Certificate): Promise<Server | undefined> {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  console.log(`Building ${GO_MODULE} into .cache/bin; this takes minutes, and is done once.`)
  mkdirSync(BIN, { recursive: true })
  const env = { ...process.env, GOBIN: BIN, CGO_ENABLED: '0' }
  execFileSync('go', ['install', '-ldflags', '-s -w', GO_MODULE], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return await binary(certificate)
}

/** Over TLS, because MinIO takes a customer's key over nothing else; the tests' proxy offers it over http too. */
async function run(minio: string, certificate: Certificate): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 's3-writable-minio-'))
  const port = await freePort()
  const env = environment(`https://127.0.0.1:${port}`)
  const command = [
    minio,
    'server',
    join(folder, 'data'),
    '--address',
    `127.0.0.1:${port}`,
    '--certs-dir',
    certificate.folder,
    '--quiet',
  ]
  const keeper = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'programs/keep-server.ts'), folder, ...command],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { ...process.env, ...MINIO_ENV },
    },
  )
  const exited = new Promise<void>((resolve) => keeper.on('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    keeper.stdin.end()
    await exited
  }
  for (let tries = 0; !(await answers(`${env.S3_ENDPOINT}/minio/health/live`, certificate)); tries++) {
    if (tries === 300 || keeper.exitCode !== null) {
      await stop()
      throw new Error(`${minio} did not come up within 30 s`)
    }
    await sleep(100)
  }
  return { name: `MinIO (${minio})`, env, stop }
}

function environment(S3_ENDPOINT: string): Server['env'] {
  return {
    S3_ENDPOINT,
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_REGION: 'us-east-1',
  }
}

async function answers(url: string, { cert }: Certificate): Promise<boolean> {
  return await new Promise((resolve) => {
    get(url, { ca: readFileSync(cert) }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    }).on('error', () => resolve(false))
  })
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
