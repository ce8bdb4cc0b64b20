/**
 * Runs a server until this process's standard input is closed, then kills the server and removes its folder. The
 * operating system closes that pipe when the parent process ends, so nothing is left even if the test run is killed by
 * SIGKILL.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

const [folder, command, ...args] = process.argv.slice(2)
if (folder === undefined || command === undefined) throw new Error('usage: keep-server FOLDER COMMAND [ARGUMENT…]')

const server = spawn(command, args, {
  stdio: ['ignore', 'inherit', 'inherit'],
})
server.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
server.on('exit', (code) => {
  rmSync(folder, { recursive: true, force: true })
  process.exit(code ?? 0)
})
// The terminal sends Ctrl-C to every process. The tests still need the server while they end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.stdin.on('close', () => server.kill('SIGKILL')).resume()
