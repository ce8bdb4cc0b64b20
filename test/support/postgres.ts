import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { hasPrograms } from './recipe.js'
import { freePort } from './server-process.js'

/** Debian keeps the server's programs in a folder for each version, which is not in PATH. */
const DEBIAN = '/usr/lib/postgresql'
/** `nobody`, as PostgreSQL refuses to run as root. */
const NOBODY = { uid: 65534, gid: 65534 }

/**
 * Starts a PostgreSQL with an empty database, and stops it when the test ends. Resolves with its URL, or with undefined
 * if it is not installed.
 */
export async function startPostgres(t: Test): Promise<string | undefined> {
  const [version] = existsSync(DEBIAN) ? readdirSync(DEBIAN) : []
  const program = (name: string): string => (version === undefined ? name : join(DEBIAN, version, 'bin', name))
  if (!hasPrograms(t, program('initdb'), program('postgres'))) return undefined
  const folder = mkdtempSync(join(tmpdir(), 's3-writable-postgres-'))
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(folder, NOBODY.uid, NOBODY.gid)
  const options = { cwd: folder, ...(isRoot ? NOBODY : {}) }
  const data = join(folder, 'data')
  const settingsOfCluster = ['--auth=trust', '--no-locale', '--encoding=UTF8', '--no-sync']
  execFileSync(program('initdb'), ['-D', data, '-U', 'test', ...settingsOfCluster], options)
  const port = await freePort()
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'fsync=off']
  const server = spawn(program('postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], options)
  const exited = once(server, 'exit')
  t.teardown(async () => {
    // Unlike SIGTERM, this does not wait for the clients to leave.
    server.kill('SIGINT')
    await exited
    rmSync(folder, { recursive: true })
  })
  let output = ''
  for await (const chunk of server.stderr) {
    output += chunk
    if (output.includes('ready to accept connections')) return `postgres://test@127.0.0.1:${port}/postgres`
  }
  throw new Error(`PostgreSQL ended at its start: ${output}`)
}
