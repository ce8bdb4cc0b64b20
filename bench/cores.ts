import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** The client, including Node's helper threads, has one core for itself; the server has the others. */
export const { CLIENT, OTHERS } = cores()

/** The words to put in front of a command to pin it to cores; none if the machine cannot pin processes. */
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
