import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { run } from './install.js'
import type { Limit } from './store.js'

const ROOT = join(import.meta.dirname, '../../..')

/** A runtime and a version of the SDK, in which the checks run. */
export interface Runtime {
  /** Such as "Node.js 20.20.0". */
  name: string
  /** The version of `@aws-sdk/client-s3`. */
  client: string
  /** The words before the name of a program. */
  command: string[]
  /** The folder whose packages a program finds. */
  folder: string
  /** What the runtime cannot do on any store. */
  limits: Limit[]
}

export interface RuntimeOptions {
  /** `node@22`, `bun`, `deno`, or any of them with a version. The Node of this process by default. */
  runtime?: string | undefined
  /** A version of `@aws-sdk/client-s3`. That of this project by default. */
  client?: string | undefined
}

/** The runtimes that are an npm package, by its name, and the arguments that make them run a program. */
const RUNTIMES: Record<string, { title: string; args: string[]; limits: Limit[] }> = {
  node: { title: 'Node.js', args: [], limits: [] },
  bun: {
    title: 'Bun',
    args: [],
    limits: [
      {
        answer: '`net.Socket` reads nothing from a pipe that it is given as `fd`, so the command cannot read one',
        checks: [
          'the command uploads its standard input',
          'the command uploads what another command prints',
          'the command leaves parts, lists them and resumes',
        ],
      },
    ],
  },
  deno: {
    title: 'Deno',
    args: ['run', '--allow-all', '--quiet'],
    limits: [
      {
        answer: '`net.Socket` refuses the `fd` of a named pipe (EEXIST), so the command cannot run another one',
        checks: ['the command uploads what another command prints'],
      },
    ],
  },
}

/** Installs the runtime and the client into the folder. Without options, it is this process's own runtime. */
export function prepareRuntime(cache: string, { runtime, client }: RuntimeOptions): Runtime {
  if (runtime === undefined && client === undefined) {
    const folder = join(cache, 'this')
    mkdirSync(folder, { recursive: true })
    return {
      name: `Node.js ${process.versions.node}`,
      client: clientVersion(ROOT),
      command: [process.execPath],
      // Inside of the project, where 's3-writable' is the project itself.
      folder,
      limits: [],
    }
  }
  const found = runtime === undefined ? undefined : installedRuntime(cache, runtime)
  const folder = installedPackage(cache, client ?? clientVersion(ROOT))
  const { name, command, limits } = found ?? {
    name: `Node.js ${process.versions.node}`,
    command: [process.execPath],
    limits: [],
  }
  return { name, client: clientVersion(folder), command, folder, limits }
}

/** Installs the package as it would be published, with a client, into a new folder outside of the project's packages. */
function installedPackage(cache: string, client: string): string {
  const folder = join(cache, `client-${client}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "name": "checks", "private": true, "type": "module" }\n')
  const packed = execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--silent']
  run('npm', [...install, `./${packed.trim()}`, `@aws-sdk/client-s3@${client}`], { cwd: folder })
  return folder
}

function installedRuntime(cache: string, runtime: string): Pick<Runtime, 'name' | 'command' | 'limits'> {
  const [name = '', version] = runtime.split('@')
  const known = RUNTIMES[name]
  if (known === undefined) {
    throw new Error(
      `--runtime must be one of ${Object.keys(RUNTIMES).join(', ')}, such as node@22. Received ${runtime}`,
    )
  }
  const folder = join(cache, runtime)
  if (!existsSync(join(folder, 'node_modules/.bin', name))) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    run('npm', ['install', '--no-audit', '--no-fund', '--silent', `${name}@${version ?? 'latest'}`], { cwd: folder })
  }
  const program = join(folder, 'node_modules/.bin', name)
  const answer = execFileSync(program, ['--version'], { encoding: 'utf8' })
  return {
    name: `${known.title} ${/\d+(\.\d+)+/.exec(answer)?.[0]}`,
    command: [program, ...known.args],
    limits: known.limits,
  }
}

/** The version of the client that programs in this folder find. */
function clientVersion(folder: string): string {
  const file = createRequire(join(folder, 'package.json')).resolve('@aws-sdk/client-s3/package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
