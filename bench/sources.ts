import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { Readable, type Writable } from 'node:stream'
import { KiB } from '../test/support/bytes.js'

/** Allocates every chunk anew, as a socket or a pipe does. */
export function fresh(size: number, write: number): Readable {
  return made(size, () => Buffer.allocUnsafeSlow(write), write)
}

/** Emits the same chunk again and again, without allocation: a producer that never waits. */
export function memory(size: number, write: number): Readable {
  const chunk = Buffer.alloc(write)
  return made(size, () => chunk, write)
}

function made(size: number, chunk: () => Buffer, write: number): Readable {
  let left = size
  return new Readable({
    highWaterMark: Math.max(write, 256 * KiB),
    read() {
      this.push(left <= 0 ? null : chunk())
      left -= write
    },
  })
}

export function file(path: string, write: number): Readable {
  return createReadStream(path, { highWaterMark: write })
}

/** Writes line by line, as many programs do. */
export async function lines(destination: Writable, size: number, write: number): Promise<void> {
  const line = `${'x'.repeat(write - 1)}\n`
  for (let sent = 0; sent < size; sent += write) {
    if (!destination.write(line)) await once(destination, 'drain')
  }
  destination.end()
}
