import { spawn } from 'node:child_process'
import type { Test } from 'tap'
import { plainEnv } from './run-program.js'

/** How each shell is started without the user's own files, and set up to print the arguments of `s3-writable`. */
const SHELLS = {
  bash: {
    command: 'bash --norc --noprofile -i',
    setUp: [`s3-writable() { printf '<%s>' "$@"; echo; }`, `PS1='REA''DY>'`],
  },
  zsh: {
    command: 'zsh -f -i',
    setUp: [`s3-writable() { printf '<%s>' "$@"; echo; }`, `PS1='REA''DY>'`],
  },
  fish: {
    command: 'fish --no-config -i',
    setUp: [`function s3-writable; printf '<%s>' $argv; echo; end`, `function fish_prompt; echo -n 'REA''DY>'; end`],
  },
}
const PROMPT = 'READY>'

/** An interactive shell in a terminal. */
export interface InteractiveShell {
  /** Types the keys and Enter; resolves with the arguments that `s3-writable` was called with. */
  type: (keys: string) => Promise<string[]>
}

/** Starts a shell in a terminal and in a folder. It reads the file first. */
export async function openShell(
  t: Test,
  shell: keyof typeof SHELLS,
  file: string,
  cwd: string,
): Promise<InteractiveShell> {
  const { command, setUp } = SHELLS[shell]
  // A completion for zsh is defined by a function of its completion system.
  const first = shell === 'zsh' ? ['autoload -U compinit', 'compinit -D -u'] : []
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd,
    env: { ...plainEnv, TERM: 'dumb' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  let onOutput = (): void => {}
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    onOutput()
  })
  const waitForOutput = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve) => {
      onOutput = () => {
        const found = pattern.exec(output)
        if (found !== null) resolve(found)
      }
      onOutput()
    })
  child.stdin.write(`${[...first, `source '${file}'`, ...setUp].join('\n')}\n`)
  await waitForOutput(new RegExp(PROMPT))
  return {
    type: async (keys) => {
      output = ''
      child.stdin.write(`s3-writable ${keys}\r`)
      const [, args = ''] = await waitForOutput(new RegExp(`<(.*)>\r?\n[^]*${PROMPT}`))
      return args.split('><')
    },
  }
}
