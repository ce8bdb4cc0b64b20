import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { CLI } from './cli.js'
import { Screen } from './screen.js'
import { endpoint } from './store.js'

/** Whether `script` of util-linux is installed, which provides the terminal. */
export const hasTerminal = spawnSync('script', ['--version']).status === 0

interface TerminalOptions {
  /** The width of the terminal. It reports 0 if it is left out. */
  columns?: number
  env?: NodeJS.ProcessEnv
  /** The endpoint of the S3 server. */
  at?: string
  /** What is typed. */
  input?: string
  /** A redirection by the shell, such as `2>file`. */
  redirect?: string
}

export interface OnTerminal {
  child: ChildProcess
  /** Resolves when the output matches: at once if it already does. Rejects if the command ends before. */
  shows: (pattern: RegExp) => Promise<void>
  /** `output` has one character for each byte, and ␛ for Escape. `screen` is what the terminal shows at the end. */
  ended: Promise<{ code: number; output: string; screen: string[] }>
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/** Starts the command in a terminal of its own. */
export function startOnTerminal(
  args: string[],
  { columns, env, at = endpoint.href, input = '', redirect = '' }: TerminalOptions = {},
): OnTerminal {
  const resize = columns === undefined ? '' : `stty cols ${columns} rows 24; `
  const command = `${resize}exec ${[...CLI, ...args].map(quote).join(' ')} ${redirect}`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: at, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  const changes = new EventEmitter()
  const stdout = child.stdout as Readable
  stdout.setEncoding('latin1').on('data', (text) => {
    output += text.replaceAll('\u001b', '␛')
    changes.emit('change')
  })
  child.stdin?.on('error', () => {}).write(input)
  const exited = once(child, 'exit')
  const ended = Promise.all([exited, once(stdout, 'end')]).then(([[code]]) => {
    child.stdin?.destroy()
    const screen = (): string[] => new Screen(columns ?? 80).write(output).rows
    return {
      code,
      output,
      get screen() {
        return screen()
      },
    }
  })
  const shows = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(output)) {
      const end = ended.then(() => {
        if (!pattern.test(output)) throw new Error(`the terminal did not show ${pattern}: ${JSON.stringify(output)}`)
      })
      await Promise.race([once(changes, 'change'), end])
    }
  }
  return { child, shows, ended }
}

/** Runs the command in a terminal of its own, to its end. */
export async function onTerminal(
  args: string[],
  options: TerminalOptions = {},
): Promise<{ code: number; output: string; screen: string[] }> {
  return await startOnTerminal(args, options).ended
}

/** `t.test`, where there is a terminal; elsewhere a comment. */
export const terminalTest = (title: string, body: (t: Test) => Promise<void>): unknown =>
  hasTerminal ? t.test(title, body) : t.comment(`${title}: needs \`script\``)

/** A drawn progress line, by its rate. */
export const DRAWN = /\r[^\r\n]*B\/s[^\r\n]*␛\[K/

/** A producer that is a shell script. It may use `wait_for FILE`, which waits until the file exists. */
export const shell = (script: string): string[] => [
  '--',
  'sh',
  '-c',
  `wait_for() { while [ ! -e "$1" ]; do sleep 0.05; done; }\n${script}`,
]

/** The progress lines that were drawn. */
export const drawnLines = (output: string): string[] =>
  [...output.matchAll(/\r([^\r\n]+)␛\[K/g)].map(([, line = '']) => line)
