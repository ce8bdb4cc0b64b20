import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Runs a command of an installation. The end of its output is shown if it fails. */
export function run(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): void {
  const { cwd, env } = options
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') throw new Error(`${command} is not installed`)
  if (error !== undefined) throw error
  if (status !== 0) {
    const end = `${stdout}${stderr}`.trim().split('\n').slice(-20).join('\n')
    throw new Error(`${command} ${args.join(' ')} ended with ${status ?? signal}:\n${end}`)
  }
}

/** Builds a program of a Go module into the folder. */
export function goInstall(folder: string, program: string, version: string): void {
  const name = program.split('/').at(-1) as string
  if (existsSync(join(folder, name))) return
  mkdirSync(folder, { recursive: true })
  run('go', ['install', '-ldflags', '-s -w', `${program}@${version}`], { env: { GOBIN: folder, CGO_ENABLED: '0' } })
}

/** Installs Python packages into a virtual environment, with a Python of at least this version. */
export function pipInstall(folder: string, program: string, packages: string[], atLeast = '3.9'): void {
  const installed = join(folder, program)
  if (existsSync(installed)) return
  run(python(atLeast), ['-m', 'venv', '--clear', folder])
  run(join(folder, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...packages])
  if (!existsSync(installed)) throw new Error(`${packages.join(' ')} did not install ${program}`)
}

/** Downloads an artifact from Maven's repository, as `mvn dependency:get` names it. */
export function mavenJar(folder: string, artifact: string): void {
  if (existsSync(join(folder, jarOf(artifact)))) return
  mkdirSync(folder, { recursive: true })
  run('mvn', ['--quiet', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`])
}

/** The name of an artifact's file. */
export function jarOf(artifact: string): string {
  const [, name, version, type, classifier] = artifact.split(':')
  return `${name}-${version}-${classifier}.${type}`
}

/** Installs Debian's packages, if this program is not there. */
export function aptInstall(program: string, packages: string[]): void {
  if (existsSync(program)) return
  if (process.getuid?.() !== 0) throw new Error(`${program} is missing. As root: apt-get install ${packages.join(' ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  run('apt-get', ['update', '-qq'], { env })
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env })
}

/** The path of a Python of at least this version: that of the system, or one that pyenv has installed. */
function python(atLeast: string): string {
  const versions = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions')
  const ofPyenv = existsSync(versions) ? readdirSync(versions).map((name) => join(versions, name, 'bin/python3')) : []
  const names = ['3.14', '3.13', '3.12', '3.11'].map((version) => `python${version}`)
  for (const candidate of ['python3', ...names, ...ofPyenv]) {
    const program = `import sys; sys.exit(sys.version_info < (${atLeast.replace('.', ', ')}))`
    try {
      execFileSync(candidate, ['-c', program], { stdio: 'ignore' })
      return candidate
    } catch {
      // It is missing or too old.
    }
  }
  throw new Error(`Python ${atLeast} or later is needed`)
}
