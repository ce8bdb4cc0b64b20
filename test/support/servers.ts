import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Certificate } from './certificate.js'
import { freePort, startServer, untilReady } from './server-process.js'

/** An S3 to test against. `env` holds the environment variables from which the tests and the SDK read where it is. */
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

/** MinIO is published as source only. The tests were written against this version. */
export const MINIO_VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c'
const GO_MODULE = `github.com/minio/minio@${MINIO_VERSION}`
const IMAGE = 'minio/minio:RELEASE.2025-09-07T16-13-09Z'
const KEY = 's3-writable'
const SECRET = 'only-for-tests'
/**
 * MinIO's settings, with its key and secret. It encrypts objects (SSE-KMS, SSE-S3) with the KMS key, which is no secret
 * here.
 */
export const MINIO_ENV = {
  MINIO_ROOT_USER: KEY,
  MINIO_ROOT_PASSWORD: SECRET,
  MINIO_KMS_SECRET_KEY: `test-key:${Buffer.alloc(32, 'k').toString('base64')}`,
}
const MINIO = process.platform === 'win32' ? 'minio.exe' : 'minio'
/** Where a MinIO that was built from source is kept. */
const BIN = join(import.meta.dirname, '../../.cache/bin')

/** Starts the server that was found, with this certificate if it needs one. */
export type Start = (certificate: Certificate) => Promise<Server>
/** Looks for one kind of server, and starts nothing. */
type Finder = () => Promise<Start | undefined>

const FINDERS = { endpoint: runningServer, binary, container, go: sourceOfMinio } satisfies Record<string, Finder>
type Kind = keyof typeof FINDERS

/** Finds an S3 without starting it: the kind that TEST_S3 names, or else the first kind that works on this machine. */
export async function findServer(): Promise<Start> {
  const requested = process.env.TEST_S3
  if (requested !== undefined && !(requested in FINDERS)) {
    throw new Error(`TEST_S3 must be one of ${Object.keys(FINDERS).join(', ')}. Received ${requested}`)
  }
  return await findFirst(requested === undefined ? (Object.keys(FINDERS) as Kind[]) : [requested as Kind])
}

/** Finds a MinIO that runs here: one that was built before, or the source. */
export async function findMinio(): Promise<Start> {
  return await findFirst(['binary', 'go'])
}

async function findFirst(order: Kind[]): Promise<Start> {
  for (const kind of order) {
    const start = await FINDERS[kind]()
    if (start !== undefined) return start
  }
  throw new Error(`The tests need an S3, and none was found (looked for: ${order.join(', ')}). Any of these is enough:
  - S3_ENDPOINT=http://host:port, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION
  - a minio on the PATH
  - Docker or Podman, for the image in MINIO_IMAGE (default ${IMAGE})
  - Go, to build MinIO once: https://go.dev/doc/install`)
}

/** The server at S3_ENDPOINT, if that is set. */
async function runningServer(): Promise<Start | undefined> {
  const { S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION = 'us-east-1' } = process.env
  if (!S3_ENDPOINT) return undefined
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new Error('S3_ENDPOINT is set, so AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set too')
  }
  try {
    await (await fetch(S3_ENDPOINT)).body?.cancel()
  } catch (error) {
    const { message, cause } = error as Error
    const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message
    throw new Error(`S3_ENDPOINT is set to ${S3_ENDPOINT}, which does not answer: ${why}`)
  }
  const env = {
    S3_ENDPOINT,
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AWS_REGION,
  }
  return async () => ({ name: S3_ENDPOINT, env, stop: async () => {} })
}

/** The path of MinIO's executable, which is built if there is none yet. */
export function minioExecutable(): string {
  const executable = findExecutable()
  if (executable !== undefined) return executable
  if (!hasGo()) throw new Error('This needs a minio on the PATH, or Go to build it: https://go.dev/doc/install')
  return buildMinio()
}

/** A minio on the PATH, or the one that an earlier run has built. */
function findExecutable(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), BIN]
  return folders.map((folder) => join(folder, MINIO)).find((file) => existsSync(file))
}

/** MinIO's executable, if there is one. */
async function binary(): Promise<Start | undefined> {
  const executable = findExecutable()
  return executable === undefined ? undefined : (certificate) => startMinio(executable, certificate)
}

/** MinIO in a container, if Docker or Podman is running. */
async function container(): Promise<Start | undefined> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  try {
    await getContainerRuntimeClient()
  } catch {
    return undefined
  }
  return startContainer
}

async function startContainer(certificate: Certificate): Promise<Server> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const image = process.env.MINIO_IMAGE ?? IMAGE
  const runningContainer = await new GenericContainer(image)
    .withCommand(['server', '/data', '--certs-dir', '/certs'])
    .withEnvironment(MINIO_ENV)
    .withCopyFilesToContainer([
      { source: certificate.cert, target: '/certs/public.crt' },
      { source: certificate.key, target: '/certs/private.key' },
    ])
    .withExposedPorts(9000)
    .withWaitStrategy(Wait.forHttp('/minio/health/live', 9000).usingTls().allowInsecure())
    .start()
  // An IP address, as for the other servers: the SDK then puts the bucket into the path instead of the host name.
  const env = environment(`https://127.0.0.1:${runningContainer.getMappedPort(9000)}`)
  return {
    name: `MinIO in a container (${image})`,
    env,
    stop: async () => {
      await runningContainer.stop()
    },
  }
}

/** MinIO's source, if Go is installed. */
async function sourceOfMinio(): Promise<Start | undefined> {
  return hasGo() ? (certificate) => startMinio(buildMinio(), certificate) : undefined
}

function hasGo(): boolean {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Builds MinIO, which takes minutes. The next run finds the result of the build. */
function buildMinio(): string {
  console.log(`Building ${GO_MODULE} into .cache/bin; this takes a few minutes and happens only once.`)
  mkdirSync(BIN, { recursive: true })
  const env = { ...process.env, GOBIN: BIN, CGO_ENABLED: '0' }
  execFileSync('go', ['install', '-ldflags', '-s -w', GO_MODULE], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return join(BIN, MINIO)
}

/** Starts MinIO with TLS, because it accepts SSE-C keys over TLS only. For tests over http there is the fault proxy. */
async function startMinio(minio: string, certificate: Certificate): Promise<Server> {
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
  const server = startServer(command, { folder, env: MINIO_ENV })
  await untilReady(minio, server, () => isHealthy(`${env.S3_ENDPOINT}/minio/health/live`, certificate))
  return { name: `MinIO (${minio})`, env, stop: server.stop }
}

function environment(S3_ENDPOINT: string): Server['env'] {
  return {
    S3_ENDPOINT,
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_REGION: 'us-east-1',
  }
}

async function isHealthy(url: string, { cert }: Certificate): Promise<boolean> {
  return await new Promise((resolve) => {
    get(url, { ca: readFileSync(cert) }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    }).on('error', () => resolve(false))
  })
}
