import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { endpoint } from './store.js'

/** The exit code and the output of a program that has ended. */
export interface ProgramResult {
  code: number | null
  stdout: string
  stderr: string
}

/**
 * An environment without tap's loader and coverage, which a user does not have and which take memory. Both variables
 * are set to undefined instead of left out, because Node passes NODE_V8_COVERAGE on to a child whose environment does
 * not have it, and the built files that the child loads would then be added to the coverage.
 */
export const plainEnv: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: undefined, NODE_V8_COVERAGE: undefined }
/** `plainEnv` with the endpoint of the S3 under test, which the SDK's clients read from AWS_ENDPOINT_URL. */
export const s3Env: NodeJS.ProcessEnv = { ...plainEnv, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: endpoint.href }

/** Runs a TypeScript program under tsx, and resolves when it has ended. */
export async function runProgram(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
  cwd = '.',
): Promise<ProgramResult> {
  return await runNode(['--import', 'tsx', program, ...args], env, cwd)
}

/** Runs Node, and resolves when it has ended. */
export async function runNode(args: string[], env: NodeJS.ProcessEnv = {}, cwd = '.'): Promise<ProgramResult> {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...plainEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const code = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, stdout, stderr }
}
