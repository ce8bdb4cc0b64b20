import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { type Plugin, rollup } from 'rollup'
import t, { type Test } from 'tap'
import webpack from 'webpack'
import { bytes, P, sha256 } from '../support/bytes.js'
import { s3Env } from '../support/run-program.js'
import { makeBucket, stored } from '../support/store.js'

/** By require(), since its types are those of a CommonJS module only. */
const commonjs = createRequire(import.meta.url)('@rollup/plugin-commonjs') as () => Plugin
const ROOT = join(import.meta.dirname, '../..')

/** Uploads to the S3 of its environment, and prints the native modules that it has loaded. */
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

/** The SDK imports its package.json, which the other bundlers read by themselves. */
const json: Plugin = {
  name: 'json',
  transform: (code, id) => (id.endsWith('.json') ? `export default ${code}` : null),
}

/** Each makes of `entry` the one file \`file\`, and throws where that cannot be done. */
const BUNDLERS: Record<string, { file: string; bundle: (entry: string, file: string) => Promise<unknown> }> = {
  webpack: { file: 'bundle.cjs', bundle: byWebpack },
  'esbuild, as ESM': { file: 'bundle.mjs', bundle: (entry, file) => byEsbuild(entry, file, 'esm') },
  'esbuild, as CommonJS': { file: 'bundle.cjs', bundle: (entry, file) => byEsbuild(entry, file, 'cjs') },
  Rollup: { file: 'bundle.mjs', bundle: byRollup },
}

async function byEsbuild(entry: string, outfile: string, format: 'esm' | 'cjs'): Promise<void> {
  const mainFields = ['module', 'main']
  await build({ entryPoints: [entry], outfile, format, mainFields, bundle: true, platform: 'node', logLevel: 'silent' })
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
 * One folder to build in, where the packages are, and one to run in, where nothing is; outside of the project, whose own
 * packages would be found from within. The optional dependency is above both, or nowhere.
 */
function folders(t: Test, optional: boolean): { build: string; run: string } {
  // A bundler names files by their real paths, and so does what it puts for import.meta.url.
  const top = realpathSync(mkdtempSync(join(tmpdir(), 's3-writable-bundlers-')))
  t.teardown(() => rmSync(top, { recursive: true, force: true }))
  const [build, run] = [join(top, 'build'), join(top, 'run')]
  const packages = join(build, 'node_modules')
  mkdirSync(join(packages, 's3-writable'), { recursive: true })
  mkdirSync(run)
  for (const name of ['dist', 'package.json']) {
    cpSync(join(ROOT, name), join(packages, 's3-writable', name), { recursive: true })
  }
  for (const name of ['@aws-sdk', 'p-queue']) symlinkSync(join(ROOT, 'node_modules', name), join(packages, name))
  if (optional) {
    mkdirSync(join(top, 'node_modules'))
    symlinkSync(join(ROOT, 'node_modules/@node-rs'), join(top, 'node_modules/@node-rs'))
  }
  writeFileSync(join(build, 'program.mjs'), PROGRAM)
  return { build, run }
}

for (const optional of [true, false]) {
  for (const [bundler, { file, bundle }] of Object.entries(BUNDLERS)) {
    const where = optional ? 'where it is installed' : 'where it is not'
    t.test(`${bundler} bundles a program, which uploads with the optional dependency ${where}`, async (t) => {
      const { build, run } = folders(t, optional)
      await bundle(join(build, 'program.mjs'), join(run, file))
      const Bucket = await makeBucket(t)
      const data = bytes(P + 1)
      const loaded = await upload(join(run, file), Bucket, data)
      t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
      // A CommonJS bundle of esbuild's has no import.meta.url to look from, and takes zlib's.
      const found = optional && bundler !== 'esbuild, as CommonJS'
      t.match(loaded, found ? [/crc32.*\.node$/] : [], 'what is native')
      t.equal(loaded.length, found ? 1 : 0)
    })
  }
}

/** Runs the bundle in its own folder, and gives the native modules that it has loaded. */
async function upload(bundle: string, Bucket: string, data: Buffer): Promise<string[]> {
  const running = promisify(execFile)(process.execPath, [bundle, Bucket], { cwd: join(bundle, '..'), env: s3Env })
  // Where it dies, its exit code says so.
  running.child.stdin?.on('error', () => {}).end(data)
  return JSON.parse((await running).stdout) as string[]
}
