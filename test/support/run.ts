/**
 * `npm test`: finds or starts one S3, runs tap with the given arguments, and stops the S3 that it started. With
 * `--program FILE` it runs that program instead of tap. Both find the S3 by environment variables that are set here.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeCertificate } from './certificate.js'
import { findServer, type Server } from './servers.js'

const tap = join(dirname(createRequire(import.meta.url).resolve('tap/package.json')), 'dist/esm/run.mjs')
const folder = mkdtempSync(join(tmpdir(), 's3-writable-test-'))
let server: Server | undefined
try {
  const certificate = await makeCertificate(join(folder, 'certs'))
  server = await findServer(certificate)
  console.log(`Testing on Node ${process.version} against ${server.name}`)
  process.exitCode = await run(server.env, {
    NODE_EXTRA_CA_CERTS: certificate.cert,
    TEST_CERTIFICATE: certificate.folder,
  })
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function run(...env: NodeJS.ProcessEnv[]): Promise<number> {
  const [first, ...rest] = process.argv.slice(2)
  const program = first === '--program' ? ['--import', 'tsx', ...rest] : [tap, ...process.argv.slice(2)]
  const child = spawn(process.execPath, program, {
    stdio: 'inherit',
    env: Object.assign({}, process.env, ...env),
  })
  // The terminal sends Ctrl-C to tap too. Ignoring it here keeps the server running until tap has ended.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
