/**
 * `npm test`: finds or starts one S3, runs tap with the given arguments, and stops the S3 that it started. With
 * `--program FILE` it runs that program instead of tap. Both find the S3 by environment variables that are set here.
 * With `--check` it only looks whether there is an S3: `npm test` begins with that, because the build takes a while.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeCertificate } from './certificate.js'
import { findServer, type Server, type Start } from './servers.js'

const tap = join(dirname(createRequire(import.meta.url).resolve('tap/package.json')), 'dist/esm/run.mjs')
/** Makes tap demand no coverage. Environment variables, because tap's options on the command line override them. */
const NO_DEMAND = {
  TAP_STATEMENTS: '0',
  TAP_BRANCHES: '0',
  TAP_FUNCTIONS: '0',
  TAP_LINES: '0',
  TAP_ALLOW_EMPTY_COVERAGE: '1',
}
const args = process.argv.slice(2)
try {
  const start = await findServer()
  if (args[0] !== '--check') process.exitCode = await runOn(start)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

async function runOn(start: Start): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 's3-writable-test-'))
  let server: Server | undefined
  try {
    const certificate = await makeCertificate(join(folder, 'certs'))
    server = await start(certificate)
    console.log(`Testing on Node ${process.version} against ${server.name}`)
    return await run(server.env, {
      NODE_EXTRA_CA_CERTS: certificate.cert,
      TEST_CERTIFICATE: certificate.folder,
    })
  } finally {
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Whether the arguments name test files, folders or globs. Some of the tests cannot cover all of lib. */
function namesTests(): boolean {
  return args.some((arg) => !arg.startsWith('-') && (existsSync(arg) || /[*?[{]/.test(arg)))
}

async function run(...env: NodeJS.ProcessEnv[]): Promise<number> {
  const [first, ...rest] = args
  const program = first === '--program' ? ['--import', 'tsx', ...rest] : [tap, ...args]
  const child = spawn(process.execPath, program, {
    stdio: 'inherit',
    env: Object.assign({}, namesTests() ? NO_DEMAND : {}, process.env, ...env),
  })
  // The terminal sends Ctrl-C to tap too. Ignoring it here keeps the server running until tap has ended.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
