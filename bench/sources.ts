import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { Readable, type Writable } from 'node:stream'
import { KiB } from '../test/support/bytes.js'

/** Fresh memory for every chunk, as a socket or a pipe gives it. */
export function fresh(size: number, write: number): Readable {
  return made(size, () => Buffer.allocUnsafeSlow(write), write)
}

/** One chunk over and over, for which no memory is taken: a producer that never waits. */
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

/** What a program does that writes line by line. */
export async function lines(destination: Writable, size: number, write: number): Promise<void> {
  const line = `${'x'.repeat(write - 1)}\n`
  for (let sent = 0; sent < size; sent += write) {
    if (!destination.write(line)) await once(destination, 'drain')
  }
  destination.end()
}
