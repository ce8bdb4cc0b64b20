/**
 * Runs a server until this process's standard input is closed, then kills the server with all that it has started, and
 * removes its folder. The operating system closes that pipe when the parent process ends, so nothing is left even if
 * the test run is killed by SIGKILL.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

const [folder, command, ...args] = process.argv.slice(2)
if (folder === undefined || command === undefined) throw new Error('usage: keep-server FOLDER COMMAND [ARGUMENT…]')

const server = spawn(command, args, {
  // A process group of its own, so that the processes that the server starts can be ended with it.
  detached: process.platform !== 'win32',
  stdio: ['ignore', 'inherit', 'inherit'],
})
server.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
server.on('exit', (code) => {
  kill()
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  process.exit(code ?? 0)
})
// The terminal sends Ctrl-C to every process. The tests still need the server while they end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.stdin.on('close', kill).resume()

function kill(): void {
  if (server.pid === undefined || process.platform === 'win32') {
    server.kill('SIGKILL')
    return
  }
  try {
    process.kill(-server.pid, 'SIGKILL')
  } catch (error) {
    // No process of the group is left.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
