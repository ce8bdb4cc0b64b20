import { execFileSync } from 'node:child_process'
import { constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** A pipe whose writing end is for a child process. */
export interface Pipe {
  reader: Readable
  /** The file descriptor to write to. It must be closed when the child process has it. */
  writer: number
}

/**
 * Makes a pipe. Node's `stdio: 'pipe'` is a socket, and no program can open a socket by a name such as /dev/stderr, so
 * that `echo done > /dev/stderr` would fail. Node cannot make a pipe, so this is a named one, whose name is removed at
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
    const fd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
    pipe = { reader: new Socket({ fd, writable: false }), writer: openSync(name, 'w') }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return pipe
}
