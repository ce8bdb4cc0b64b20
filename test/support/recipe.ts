import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { s3Env } from './run-program.js'

const RECIPES = join(import.meta.dirname, '../recipes')

/** A recipe as a process of its own, with the S3 under test as its environment's. */
export function startRecipe(recipe: string, args: string[], more: NodeJS.ProcessEnv = {}): ChildProcess {
  const env = { ...s3Env, ...more }
  return spawn(process.execPath, ['--import', 'tsx', join(RECIPES, `${recipe}.ts`), ...args], { env, stdio: 'pipe' })
}

/** Runs a recipe to its end. */
export async function runRecipe(
  recipe: string,
  args: string[],
  input: Uint8Array | string = '',
  more: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = startRecipe(recipe, args, more)
  child.stdin?.on('error', () => {}).end(input)
  const all = [child.stdout, child.stderr].map((one) => text(one as Readable))
  const [[code], stdout = '', stderr = ''] = await Promise.all([once(child, 'exit'), ...all])
  return { code, stdout, stderr }
}

/** A recipe that serves HTTP, ended with the test. Gives its address. */
export async function serveRecipe(t: Test, recipe: string, args: string[]): Promise<string> {
  const child = startRecipe(recipe, args)
  child.stderr?.pipe(process.stderr)
  t.teardown(() => child.kill())
  const [port] = await once(child.stdout as Readable, 'data')
  return `http://127.0.0.1:${String(port).trim()}`
}

/** Whether these programs are there; where one is not, the test says so. */
export function hasPrograms(t: Test, ...programs: string[]): boolean {
  const missing = programs.find((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
  if (missing !== undefined) t.comment(`left out: there is no ${missing} on this machine`)
  return missing === undefined
}
