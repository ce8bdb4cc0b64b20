import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { faultProxy } from './fault-proxy.js'
import { denied } from './faults.js'
import { s3Env } from './run-program.js'

const RECIPES = join(import.meta.dirname, '../recipes')

/** Starts a recipe in a process of its own whose environment names the S3 under test. */
export function startRecipe(recipe: string, args: string[], extraEnv: NodeJS.ProcessEnv = {}): ChildProcess {
  const env = { ...s3Env, ...extraEnv }
  return spawn(process.execPath, ['--import', 'tsx', join(RECIPES, `${recipe}.ts`), ...args], { env, stdio: 'pipe' })
}

/** Runs a recipe with `input` on its standard input, and resolves when the process has ended. */
export async function runRecipe(
  recipe: string,
  args: string[],
  input: Uint8Array | string = '',
  extraEnv: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = startRecipe(recipe, args, extraEnv)
  child.stdin?.on('error', () => {}).end(input)
  const outputs = [child.stdout, child.stderr].map((output) => text(output as Readable))
  const [[code], stdout = '', stderr = ''] = await Promise.all([once(child, 'exit'), ...outputs])
  return { code, stdout, stderr }
}

/** How a recipe ends whose bucket does not exist. */
export const NO_BUCKET = { code: 1, stderr: /NoSuchBucket.*code: 'ERR_S3_REQUEST'/s }
/** How a recipe ends in the environment that `partsDenied` returns. */
export const PART_DENIED = { code: 1, stderr: /UploadPart \d failed\. AccessDenied.*code: 'ERR_S3_REQUEST'/s }

/** The environment of a recipe that may do everything but UploadPart. */
export async function partsDenied(t: Pick<Test, 'teardown'>): Promise<NodeJS.ProcessEnv> {
  const proxy = await faultProxy(t, { fault: ({ operation }) => (operation === 'UploadPart' ? denied : undefined) })
  return { AWS_ENDPOINT_URL: proxy.url }
}

/** Starts a recipe that serves HTTP, and ends it with the test. Resolves with its URL. `log` gets what it logs. */
export async function serveRecipe(
  t: Pick<Test, 'teardown'>,
  recipe: string,
  args: string[],
  extraEnv: NodeJS.ProcessEnv = {},
  log: NodeJS.WritableStream = process.stderr,
): Promise<string> {
  const child = startRecipe(recipe, args, extraEnv)
  child.stderr?.pipe(log)
  t.teardown(() => child.kill())
  const [port] = await once(child.stdout as Readable, 'data')
  return `http://127.0.0.1:${String(port).trim()}`
}

/** Whether these programs are installed. If one is missing, a comment in the test's output names it. */
export function hasPrograms(t: Test, ...programs: string[]): boolean {
  const missing = programs.find((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
  if (missing !== undefined) t.comment(`left out: ${missing} is not installed`)
  return missing === undefined
}
