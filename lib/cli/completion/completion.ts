import type { Command } from 'commander'
import { bashCompletion } from './bash.js'
import { completedCommands } from './definition.js'
import { fishCompletion } from './fish.js'
import { zshCompletion } from './zsh.js'

const SHELLS = { bash: bashCompletion, fish: fishCompletion, zsh: zshCompletion }

export type Shell = keyof typeof SHELLS

/** The script with which a shell completes the words of this program. */
export function completionScript(program: Command, shell: Shell): string {
  return SHELLS[shell](completedCommands(program))
}
