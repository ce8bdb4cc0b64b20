import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerProcess, startServer, untilReady } from '../../support/server-process.js'
import { MINIO_ENV, minioExecutable } from '../../support/servers.js'
import { freePorts, statusOf } from '../runner/start.js'

const NODES = 4
/** How long a node may take to be ready, in s. */
const START_LIMIT = 60

/** One MinIO process with one drive. The drive stays when the process is killed. */
export class ClusterNode {
  readonly endpoint: string
  readonly #command: string[]
  readonly #folder: string
  readonly #log: string
  #server: ServerProcess | undefined
  #starts = 0

  constructor(port: number, command: string[], folder: string, log: string) {
    this.endpoint = `http://127.0.0.1:${port}`
    this.#command = [...command, '--address', `127.0.0.1:${port}`]
    this.#folder = join(folder, String(port))
    this.#log = log
  }

  /** Starts the process, unless it runs. */
  start(): void {
    if (this.#server !== undefined) return
    this.#starts++
    // The server's keeper removes this folder when the process has ended, so the drive is not in it.
    mkdirSync(this.#runFolder, { recursive: true })
    // The process id of MinIO itself, because the keeper that starts it must be neither killed nor stopped.
    const command = ['sh', '-c', 'echo $$ > "$0" && exec "$@"', this.#pidFile, ...this.#command]
    // MinIO takes a loopback address for a remote one in a container, unless this variable names it.
    const env = { ...MINIO_ENV, _MINIO_SERVER_LOCAL: new URL(this.endpoint).host, ...ONE_MACHINE }
    this.#server = startServer(command, { folder: this.#runFolder, env, log: this.#log })
  }

  /** Sends SIGKILL. Resolves when the process has ended. */
  async kill(): Promise<void> {
    const server = this.#server
    this.sendKill()
    this.#server = undefined
    await server?.stop()
  }

  /** Sends SIGKILL, if the process runs, and waits for nothing. */
  sendKill(): void {
    if (this.#server?.hasEnded() === false) this.#signal('SIGKILL')
  }

  /** Stops the process without ending it: its connections stay open, and nothing is answered. */
  pause(): void {
    this.#signal('SIGSTOP')
  }

  /** Lets a stopped process continue. */
  continue(): void {
    this.#signal('SIGCONT')
  }

  /** Waits until all drives are online for this node: then the cluster is healthy even without this node. */
  async untilHealthy(): Promise<void> {
    const server = this.#server
    if (server === undefined) throw new Error('a node that was killed was not started again')
    const url = `${this.endpoint}/minio/health/cluster?maintenance=true`
    await untilReady(`a node (see ${this.#log})`, server, () => answersOk(url), START_LIMIT)
  }

  get #runFolder(): string {
    return join(this.#folder, `start-${this.#starts}`)
  }

  get #pidFile(): string {
    return join(this.#runFolder, 'pid')
  }

  #signal(signal: NodeJS.Signals): void {
    process.kill(Number(readFileSync(this.#pidFile, 'utf8')), signal)
  }
}

/** All processes are on one machine: the drives are on the disk of its system, and no page for browsers is served. */
const ONE_MACHINE = { MINIO_CI_CD: '1', MINIO_BROWSER: 'off' }

export interface Cluster {
  nodes: ClusterNode[]
  /** Resolves when every node has all drives. */
  untilHealthy: () => Promise<void>
  /** Kills all nodes. Their drives are removed when this process exits. */
  stop: () => Promise<void>
}

/** Starts a MinIO of four nodes with one drive each, on the loopback interface. An object outlives the loss of two. */
export async function startCluster(log: string): Promise<Cluster> {
  const minio = minioExecutable()
  const folder = mkdtempSync(join(tmpdir(), 's3-writable-cluster-'))
  const ports = await freePorts(NODES)
  const drives = ports.map((port) => `http://127.0.0.1:${port}${join(folder, String(port), 'drive')}`)
  const nodes = ports.map((port) => new ClusterNode(port, [minio, 'server', '--quiet', ...drives], folder, log))
  const untilHealthy = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.untilHealthy()))
  }
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.kill()))
  }
  process.once('exit', () => {
    // A node that still runs would write to its drive while that is removed.
    for (const node of nodes) node.sendKill()
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  })
  for (const node of nodes) node.start()
  try {
    await untilHealthy()
  } catch (error) {
    await stop()
    throw error
  }
  return { nodes, untilHealthy, stop }
}

/** Whether the URL answers 200 within a second. */
export async function answersOk(url: string): Promise<boolean> {
  return (await statusOf(url, 1000)) === 200
}
