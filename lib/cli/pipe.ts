import { execFileSync } from 'node:child_process'
import { constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A pipe whose writing end is for a child process. */
export interface Pipe {
  /** The file descriptor to read from, which does not block. */
  reader: number
  /** The file descriptor to write to. It must be closed when the child process has it. */
  writer: number
}

/**
 * Makes a pipe. Node's `stdio: 'pipe'` is a socket, and no program can open a socket by a name such as /dev/stderr, so
 * that `echo done > /dev/stderr` would fail; and it cannot be read into one buffer. Node cannot make a pipe, so this is a named one, whose name is removed at
 * once. Undefined if the system cannot make one, as without a temporary folder.
 * https://man7.org/linux/man-pages/man7/fifo.7.html
 */
export function openPipe(): Pipe | undefined {
  try {
    return openNamedPipe()
  } catch {
    return undefined
  }
}

function openNamedPipe(): Pipe {
  const folder = mkdtempSync(join(tmpdir(), 's3-writable-'))
  let pipe: Pipe
  try {
    const name = join(folder, 'pipe')
    execFileSync('mkfifo', [name], { stdio: 'ignore' })
    // Without O_NONBLOCK, this would wait until another process opens the writing end.
    const reader = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
    pipe = { reader, writer: openSync(name, 'w') }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return pipe
}
