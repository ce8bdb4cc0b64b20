/**
 * Runs a server for as long as whoever started it holds this process's standard input open: then ends the server
 * and removes its folder. So nothing is left behind, however the test run ends: by itself, by Ctrl-C or by SIGKILL.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

const [folder, command, ...args] = process.argv.slice(2)
if (folder === undefined || command === undefined) throw new Error('usage: keeper FOLDER COMMAND [ARGUMENT…]')

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
// Ctrl-C reaches every process of the terminal; the tests still need the server to tell what they saw.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.stdin.on('close', () => server.kill('SIGKILL')).resume()
