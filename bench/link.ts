import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The address of the far side, which bench/link.go sets. */
export const FAR = '10.201.0.2'
/** The words to put in front of a command to run it on the far side. */
export const THERE = ['ip', 'netns', 'exec', 's3-writable']

/** Why this machine cannot make a long link; undefined if it can. */
export function noLink(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux'
  if (process.getuid?.() !== 0) return 'it needs root, to make a network namespace'
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun'
  for (const [command, argument] of [
    ['go', 'version'],
    ['ip', '-V'],
  ] as const) {
    try {
      execFileSync(command, [argument], { stdio: 'ignore' })
    } catch {
      return `there is no ${command}`
    }
  }
  return undefined
}

/** Runs `use` while there is a link with this round trip, in ms, and this rate, in megabits a second. */
export async function withLink<T>(rtt: number, mbit: number, folder: string, use: () => Promise<T>): Promise<T> {
  const program = join(folder, 'link')
  execFileSync('go', ['build', '-o', program, 'bench/link.go'], { stdio: 'inherit' })
  const link = spawn(program, ['-rtt', String(rtt), '-mbit', String(mbit)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(link, 'exit')
  try {
    await Promise.race([once(link.stdout, 'data'), exited.then(() => Promise.reject(new Error('the link ended')))])
    return await use()
  } finally {
    link.stdin.end()
    await exited
  }
}
