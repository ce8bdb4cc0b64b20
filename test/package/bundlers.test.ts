import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { type Plugin, rollup } from 'rollup'
import t, { type Test } from 'tap'
import webpack from 'webpack'
import { bytes, P, sha256 } from '../support/bytes.js'
import { s3Env } from '../support/run-program.js'
import { makeBucket, stored } from '../support/store.js'

/** Loaded by require(), because its types describe only a CommonJS module. */
const commonjs = createRequire(import.meta.url)('@rollup/plugin-commonjs') as () => Plugin
const ROOT = join(import.meta.dirname, '../..')

/** Uploads its standard input to the S3 that its environment names, and prints the native modules that were loaded. */
const PROGRAM = `
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
const [, file, Bucket] = process.argv
const client = new S3Client({ forcePathStyle: true })
const upload = s3Writable({ client, Bucket, Key: 'k', partSize: ${P} })
upload.on('finish', () => {
  client.destroy()
  const loaded = Object.keys(process.getBuiltinModule('node:module').createRequire(file).cache).filter((name) => name.endsWith('.node'))
  console.log(JSON.stringify(loaded))
})
process.stdin.pipe(upload)
`

/** The SDK imports its package.json. Unlike the other bundlers, Rollup needs a plugin to read JSON. */
const json: Plugin = {
  name: 'json',
  transform: (code, id) => (id.endsWith('.json') ? `export default ${code}` : null),
}

/** Each `bundle` function bundles `entry` into one file, and throws if it cannot. */
const BUNDLERS: Record<string, { file: string; bundle: (entry: string, file: string) => Promise<unknown> }> = {
  webpack: { file: 'bundle.cjs', bundle: byWebpack },
  'esbuild, as ESM': { file: 'bundle.mjs', bundle: (entry, file) => byEsbuild(entry, file, 'esm') },
  'esbuild, as CommonJS': { file: 'bundle.cjs', bundle: (entry, file) => byEsbuild(entry, file, 'cjs') },
  'esbuild, with the command of lib/README.md,': { file: 'bundle.mjs', bundle: byDocumentedCommand },
  Rollup: { file: 'bundle.mjs', bundle: byRollup },
}

async function byEsbuild(entry: string, outfile: string, format: 'esm' | 'cjs'): Promise<void> {
  const mainFields = ['module', 'main']
  await build({ entryPoints: [entry], outfile, format, mainFields, bundle: true, platform: 'node', logLevel: 'silent' })
}

/** Runs the command of the page in the folder of the program, whose name is that of the page. */
async function byDocumentedCommand(entry: string, file: string): Promise<void> {
  const page = readFileSync(join(ROOT, 'lib/README.md'), 'utf8')
  const [, command = ''] = /```sh\nnpx (esbuild program\.mjs [^`]*)```/.exec(page) ?? []
  const env = { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}${delimiter}${process.env.PATH}` }
  await promisify(execFile)('sh', ['-euc', command], { cwd: dirname(entry), env })
  renameSync(join(dirname(entry), 'bundle.mjs'), file)
}

async function byRollup(entry: string, file: string): Promise<void> {
  const plugins = [nodeResolve({ exportConditions: ['node'] }), commonjs(), json]
  const bundle = await rollup({ input: entry, plugins, external: /^node:/, onLog: () => {} })
  await bundle.write({ file, inlineDynamicImports: true })
  await bundle.close()
}

async function byWebpack(entry: string, file: string): Promise<void> {
  const output = { path: join(file, '..'), filename: 'bundle.cjs' }
  const compiler = webpack({ entry, output, mode: 'production', target: 'node20', optimization: { minimize: false } })
  await new Promise<void>((resolve, reject) => {
    compiler.run((error, stats) => {
      if (error !== null || stats?.hasErrors()) reject(error ?? new Error(stats?.toString('errors-only')))
      else compiler.close(() => resolve())
    })
  })
}

/**
 * Makes a folder to build in, which has the packages, and an empty folder to run the bundle in. Both are outside of the
 * project, whose node_modules would otherwise be found. The optional dependency is installed in their parent folder, so
 * that both find it, or not at all.
 */
function folders(t: Test, optional: boolean): { build: string; run: string } {
  // A bundler resolves symbolic links, also in the path that it inserts for import.meta.url.
  const parent = realpathSync(mkdtempSync(join(tmpdir(), 's3-writable-bundlers-')))
  t.teardown(() => rmSync(parent, { recursive: true, force: true }))
  const [build, run] = [join(parent, 'build'), join(parent, 'run')]
  const packages = join(build, 'node_modules')
  mkdirSync(join(packages, 's3-writable'), { recursive: true })
  mkdirSync(run)
  for (const name of ['dist', 'package.json']) {
    cpSync(join(ROOT, name), join(packages, 's3-writable', name), { recursive: true })
  }
  for (const name of ['@aws-sdk', 'leven', 'p-queue'])
    symlinkSync(join(ROOT, 'node_modules', name), join(packages, name))
  if (optional) {
    mkdirSync(join(parent, 'node_modules'))
    symlinkSync(join(ROOT, 'node_modules/@node-rs'), join(parent, 'node_modules/@node-rs'))
  }
  writeFileSync(join(build, 'program.mjs'), PROGRAM)
  return { build, run }
}

for (const optional of [true, false]) {
  for (const [bundler, { file, bundle }] of Object.entries(BUNDLERS)) {
    const condition = optional ? 'with' : 'without'
    t.test(`a program that ${bundler} bundles uploads ${condition} the optional dependency`, async (t) => {
      const { build, run } = folders(t, optional)
      await bundle(join(build, 'program.mjs'), join(run, file))
      const Bucket = await makeBucket(t)
      const data = bytes(P + 1)
      const loaded = await upload(join(run, file), Bucket, data)
      t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
      // esbuild's CommonJS bundles have no import.meta.url to resolve the dependency from, so zlib's CRC-32 is used.
      const isNative = optional && bundler !== 'esbuild, as CommonJS'
      t.match(loaded, isNative ? [/crc32.*\.node$/] : [], 'the native modules that were loaded')
      t.equal(loaded.length, isNative ? 1 : 0)
    })
  }
}

/** Runs the bundle in its own folder. Resolves with the native modules that it loaded. */
async function upload(bundle: string, Bucket: string, data: Buffer): Promise<string[]> {
  const running = promisify(execFile)(process.execPath, [bundle, Bucket], { cwd: join(bundle, '..'), env: s3Env })
  // If the program ends early, writing to it fails. Its exit code then rejects the promise.
  running.child.stdin?.on('error', () => {}).end(data)
  return JSON.parse((await running).stdout) as string[]
}
