import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { endpoint } from './store.js'

export interface ProgramResult {
  code: number | null
  stdout: string
  stderr: string
}

/**
 * Without tap's own loader and coverage, which are not the user's and take memory. They are named, as undefined: Node hands
 * NODE_V8_COVERAGE on to a child whose environment does not name it, and what the child loads would be counted as another
 * file of the same name.
 */
export const plainEnv: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: undefined, NODE_V8_COVERAGE: undefined }
/** The same, with the S3 under test for any program of the SDK. */
export const s3Env: NodeJS.ProcessEnv = { ...plainEnv, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: endpoint.href }

/** Runs a TypeScript program as `tsx` does, to its end. */
export async function runProgram(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
  cwd = '.',
): Promise<ProgramResult> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
    cwd,
    env: { ...plainEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const code = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, stdout, stderr }
}
