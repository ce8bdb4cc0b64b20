import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { bytes, sha256 } from '../support/bytes.js'
import { Installed } from '../support/installed.js'
import { page, pages } from '../support/pages.js'
import { plainEnv } from '../support/run-program.js'
import { endpoint, makeBucket, region, stored } from '../support/store.js'

const ROOT = join(import.meta.dirname, '../..')
const BIN = join(ROOT, 'node_modules/.bin')
const MAN_PAGE = 'dist/s3-writable.1'
const folder = emptyFolder(t)
const exec = promisify(execFile)

/** Runs a program and resolves with its standard output. If it fails, the error has its output. */
async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await exec(command, args, { cwd, env: plainEnv, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

/**
 * A temporary folder outside of the project, so that Node does not find the project's node_modules in a parent folder.
 */
function emptyFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 's3-writable-package-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface Packed {
  filename: string
  files: { path: string }[]
}
// `npm test` has built the package already. A second build would remove `dist` for a moment while other tests use it.
const pack = await run(ROOT, 'npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', folder)
const [{ filename, files }] = JSON.parse(pack) as [Packed]
const tarball = join(folder, filename)
const paths = files.map((file) => file.path)

const { devDependencies: sdk, dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>
  dependencies: Record<string, string>
}
const SDK = '@aws-sdk/client-s3'
const UPLOAD = '@aws-sdk/lib-storage'
/** What a user of the package has. */
const app = await folderWith(tarball)

/** A new folder into which this and the SDK are installed. */
async function folderWith(what: string): Promise<string> {
  const folder = emptyFolder(t)
  const install = ['install', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund']
  await run(folder, 'npm', ...install, what, `${SDK}@${sdk[SDK]}`)
  return folder
}

t.test(
  'the package holds code, types, source maps, sources, the man page, every other page, and no tests',
  async (t) => {
    const others = paths.filter((path) => !/^(dist|lib)\//.test(path) && !path.endsWith('.md'))
    t.same(others.sort(), ['LICENSE', 'package.json'])
    t.same(paths.filter((path) => path.endsWith('.md')).sort(), pages.map(({ path }) => path).sort())
    const sources = paths.filter((path) => path.startsWith('lib/') && path.endsWith('.ts'))
    t.ok(sources.includes('lib/index.ts'))
    const built = sources.flatMap((path) => {
      const name = path.replace('lib/', 'dist/').replace(/\.ts$/, '')
      return [`${name}.js`, `${name}.js.map`, `${name}.d.ts`, `${name}.d.ts.map`]
    })
    t.same(paths.filter((path) => path.startsWith('dist/')).sort(), [...built, MAN_PAGE].sort())
  },
)

t.test('publint and attw find no problem in the package', async (t) => {
  await t.resolves(run(folder, join(BIN, 'publint'), 'run', '--strict', tarball))
  await t.resolves(run(folder, join(BIN, 'attw'), '--profile', 'esm-only', tarball))
})

t.test('the installed package works with import and with require(), and has types', async (t) => {
  const body = `
    const [Bucket, Key, endpoint, region] = process.argv.slice(2)
    const client = new S3Client({ endpoint, region, forcePathStyle: true })
    const upload = s3Writable({ client, Bucket, Key })
    upload.end(require('node:fs').readFileSync('data'))
    upload.on('finish', () => client.destroy())`
  const names = ['S3Client', 's3Writable']
  const modules = ['@aws-sdk/client-s3', 's3-writable']
  const imports = names.map((name, i) => `import { ${name} } from '${modules[i]}'`)
  const requires = names.map((name, i) => `const { ${name} } = require('${modules[i]}')`)
  const createRequire = "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)"
  const data = bytes(12_345_678)
  writeFileSync(join(app, 'data'), data)
  writeFileSync(join(app, 'by-import.mjs'), [...imports, createRequire, body].join('\n'))
  writeFileSync(join(app, 'by-require.cjs'), [...requires, body].join('\n'))
  const Bucket = await makeBucket(t)
  t.match(await run(app, join(app, 'node_modules/.bin/s3-writable'), '--help'), /^Examples:/)
  for (const program of ['by-import.mjs', 'by-require.cjs']) {
    await run(app, process.execPath, program, Bucket, program, endpoint.href, region)
    t.same(await stored(Bucket, program), { sha256: sha256(data), size: data.length }, program)
  }

  writeFileSync(
    join(app, 'typed.mts'),
    [
      ...imports,
      "const upload = s3Writable({ client: new S3Client(), Bucket: 'b', Key: 'k', partSize: 8 * 1024 * 1024 })",
      "upload.on('progress', ({ loaded }) => loaded.toFixed())",
      'const { ETag, size, parts } = await upload.done()',
      'export const result: [string, number, number] = [ETag, size, parts]',
    ].join('\n'),
  )
  const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')]
  for (const module of ['nodenext', 'preserve']) {
    const tsc = [join(BIN, 'tsc'), '--noEmit', '--strict', '--target', 'es2022', '--module', module, ...types]
    await t.resolves(run(app, process.execPath, ...tsc, 'typed.mts'), `types with --module ${module}`)
  }
})

/** The dependencies that the files of these paths load. */
function dependenciesOf(accepts: (path: string) => boolean): string[] {
  const code = paths.filter((path) => /^dist\/.*\.js$/.test(path) && accepts(path))
  const named = code.flatMap((path) => [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\bfrom '([^.'][^']*)'/g)])
  return Object.keys(dependencies).filter((name) => named.some(([, loaded]) => loaded === name))
}

t.test('what is installed is what the page says, and the command needs less than 512 KiB of it', async (t) => {
  const isOfCommand = (path: string): boolean => path.startsWith('dist/cli/')
  const [command, library] = [dependenciesOf(isOfCommand), dependenciesOf((path) => !isOfCommand(path))]
  t.same(new Set([...library, ...command]), new Set(Object.keys(dependencies)), 'every dependency is loaded')

  const [own, other] = [new Installed(app), new Installed(await folderWith(`${UPLOAD}@${sdk[UPLOAD]}`))]
  const client = own.needs([SDK])
  const addedBy = (...names: string[]): Set<string> => without(own.needs(names), client)
  const onlyCommand = without(addedBy(...command), addedBy(...library))
  const rows: [name: string, from: Installed, packages: Set<string>][] = [
    [`\`${SDK}\``, own, client],
    ['this package adds', own, addedBy('s3-writable')],
    ['– itself', own, new Set(['node_modules/s3-writable'])],
    ['– for the stream', own, addedBy(...library)],
    ['– the optional native CRC-32', own, addedBy('@node-rs/crc32')],
    ['– for the command alone', own, onlyCommand],
    [`\`${UPLOAD}\` adds`, other, without(other.needs([UPLOAD]), other.needs([SDK]))],
  ]
  const lines = page('lib/README.md').split('\n')
  for (const [name, from, packages] of rows) {
    const kB = Math.round(from.bytes(packages) / 1000)
    t.comment(`| ${name} | ${packages.size} | ${kB.toLocaleString('en')} |`)
    const line = lines.find((line) => line.startsWith(`| ${name} |`)) ?? ''
    const written = line.split('|').map((cell) => Number(cell.replaceAll(',', '')))
    // Not exactly: dependencies get new versions, and the native package is another one on each system.
    for (const [index, measured] of [packages.size, kB].entries()) {
      const onPage = written[index + 2] ?? 0
      t.ok(measured > onPage / 2 && measured < onPage * 1.5, `${name}: ${measured}, and ${onPage} on the page`)
    }
  }
  t.ok(own.bytes(onlyCommand) < 512 * 1024)
})

function without(some: Set<string>, others: Set<string>): Set<string> {
  return new Set([...some].filter((one) => !others.has(one)))
}
