import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BuildOptions, build } from 'esbuild'
import t from 'tap'
import webpack from 'webpack'
import { testServer } from '../support/http-handlers.js'
import { runNode } from '../support/run-program.js'

const ROOT = join(import.meta.dirname, '../..')
const server = await testServer(t, (_, response) => response.end('ok'))

/** Sends one request with these options, and prints its status, or why it failed. */
const program = (options: string): string => `
import { pathToFileURL } from 'node:url'
import { ThreadedHandler } from 's3-writable/threads'
const request = { method: 'GET', protocol: 'http:', hostname: '127.0.0.1', port: ${server.port}, path: '/', headers: {} }
new ThreadedHandler(${options}).handle(request).then(
  ({ response }) => { response.body.resume(); console.log(response.statusCode) },
  (error) => console.log(error.message),
)`
const WORKER = `import 's3-writable/threads/worker'`
const GIVEN = '{ worker: pathToFileURL(process.argv[2]) }'

type Bundle = (entries: Record<string, string>, folder: string) => Promise<unknown>
const BUNDLERS: Record<string, { ext: string; bundle: Bundle }> = {
  'esbuild, as ESM': { ext: 'mjs', bundle: byEsbuild('esm', '.mjs') },
  'esbuild, as CommonJS': { ext: 'cjs', bundle: byEsbuild('cjs', '.cjs') },
  webpack: { ext: 'cjs', bundle: byWebpack },
}

function byEsbuild(format: 'esm' | 'cjs', ext: string): Bundle {
  const options: BuildOptions = { bundle: true, platform: 'node', logLevel: 'silent', mainFields: ['module', 'main'] }
  return (entryPoints, outdir) => build({ ...options, entryPoints, outdir, format, outExtension: { '.js': ext } })
}

async function byWebpack(entry: Record<string, string>, path: string): Promise<void> {
  const output = { path, filename: '[name].cjs' }
  const compiler = webpack({ entry, output, mode: 'production', target: 'node20', optimization: { minimize: false } })
  await new Promise<void>((resolve, reject) => {
    compiler.run((error, stats) => {
      if (error !== null || stats?.hasErrors()) reject(error ?? new Error(stats?.toString('errors-only')))
      else compiler.close(() => resolve())
    })
  })
}

for (const [bundler, { ext, bundle }] of Object.entries(BUNDLERS)) {
  t.test(`a thread starts from a bundle, and without its file an error says what to do: ${bundler}`, async (t) => {
    const parent = realpathSync(mkdtempSync(join(tmpdir(), 's3-writable-threads-')))
    t.teardown(() => rmSync(parent, { recursive: true, force: true }))
    const [source, run] = [join(parent, 'build'), join(parent, 'run')]
    const packages = join(source, 'node_modules')
    mkdirSync(join(packages, 's3-writable'), { recursive: true })
    for (const name of ['dist', 'package.json'])
      cpSync(join(ROOT, name), join(packages, 's3-writable', name), { recursive: true })
    for (const name of ['@aws-sdk', '@smithy', 'leven', 'p-queue'])
      symlinkSync(join(ROOT, 'node_modules', name), join(packages, name))
    const entry = (name: string, code: string): string => {
      writeFileSync(join(source, `${name}.mjs`), code)
      return join(source, `${name}.mjs`)
    }
    const entries = {
      given: entry('given', program(GIVEN)),
      missing: entry('missing', program('{}')),
      thread: entry('thread', WORKER),
    }
    await bundle(entries, run)
    // The bundle runs on a machine that has no packages.
    rmSync(source, { recursive: true })
    const given = await runNode([join(run, `given.${ext}`), join(run, `thread.${ext}`)])
    t.match(given, { code: 0, stdout: '200\n' }, given.stderr)
    const missing = await runNode([join(run, `missing.${ext}`)])
    t.match(
      missing.stdout,
      /the program of the thread.* does not exist\. A bundle needs a copy of it.*option `worker`/,
      missing.stderr,
    )
  })
}
