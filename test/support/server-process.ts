import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server that runs as a process of its own. */
export interface ServerProcess {
  /** Whether the process has ended, by itself or by `stop`. */
  hasEnded: () => boolean
  /** Ends the process and all that it has started, and removes its folder. */
  stop: () => Promise<void>
}

export interface ServerOptions {
  /** The folder with the data of the server, which is removed when the server has ended. */
  folder: string
  env?: NodeJS.ProcessEnv
  /** A file to append the server's output to. Without it, standard output is dropped and errors are shown. */
  log?: string
}

/** Starts a server that ends with this process, however this process ends. */
export function startServer(command: string[], { folder, env, log }: ServerOptions): ServerProcess {
  const output = log === undefined ? undefined : openSync(log, 'a')
  const keeper = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'programs/keep-server.ts'), folder, ...command],
    {
      cwd: join(import.meta.dirname, '../..'),
      detached: true,
      stdio: ['pipe', output ?? 'ignore', output ?? 'inherit'],
      env: { ...process.env, ...env },
    },
  )
  const exited = new Promise<void>((resolve) => keeper.on('exit', () => resolve()))
  return {
    hasEnded: () => keeper.exitCode !== null || keeper.signalCode !== null,
    stop: async () => {
      keeper.stdin?.end()
      await exited
    },
  }
}

/** Waits until the server is ready. If it ends before, or is not ready in time, stops it and throws. */
export async function untilReady(
  name: string,
  server: ServerProcess,
  isReady: () => Promise<boolean>,
  seconds = 30,
): Promise<void> {
  for (let tries = 0; !(await isReady()); tries++) {
    if (tries === seconds * 10 || server.hasEnded()) {
      const ended = server.hasEnded()
      await server.stop()
      throw new Error(ended ? `${name} ended at its start` : `${name} did not start within ${seconds} s`)
    }
    await sleep(100)
  }
}

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
