import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** The client has a core for itself, helper threads of Node included, and whatever it talks to has the others. */
export const { CLIENT, OTHERS } = cores()

/** What a command is to be put behind; nothing where cores cannot be given. */
function cores(): { CLIENT: string[]; OTHERS: string[] } {
  const count = availableParallelism()
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
  } catch {
    return { CLIENT: [], OTHERS: [] }
  }
  if (count < 2) return { CLIENT: [], OTHERS: [] }
  return { CLIENT: ['taskset', '-c', '0'], OTHERS: ['taskset', '-c', `1-${count - 1}`] }
}
