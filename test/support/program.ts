import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { endpoint } from './store.js'

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** Without tap's own loader and coverage, which are not the user's and take memory. */
const { NODE_OPTIONS: _, NODE_V8_COVERAGE: __, ...plain } = process.env
export const plainEnv: NodeJS.ProcessEnv = plain
/** The same, with the S3 under test for any program of the SDK. */
export const s3Env: NodeJS.ProcessEnv = { ...plain, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: endpoint.href }

/** Runs a TypeScript program as `tsx` does, to its end. */
export async function runProgram(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
  cwd = '.',
): Promise<Ran> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
    cwd,
    env: { ...plainEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const code = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, stdout, stderr }
}
