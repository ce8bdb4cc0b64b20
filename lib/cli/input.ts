import { fstatSync, read } from 'node:fs'
import { Socket } from 'node:net'
import { Readable, type Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { Failure } from './failure.js'

/** The size of the buffer into which the input is read. */
const BUFFER_SIZE = 2 ** 20

/** Refuses a standard input from which no upload can be meant. Of a directory, Node would make an empty stream. */
export function checkStandardInput(): void {
  if (isatty(0)) {
    throw new Failure(
      2,
      'Standard input is a terminal, and no command is given: ' +
        'use producer | s3-writable …, or s3-writable … -- producer.',
    )
  }
  if (fstatSync(0).isDirectory()) {
    throw new Failure(
      2,
      'Standard input is a directory: use a file, or pack the directory: s3-writable … -- tar -cz directory.',
    )
  }
}

/**
 * Reads a file descriptor: a file, a device, a pipe or a socket. Node's own streams allocate a buffer for every read,
 * which takes as much time as the upload of its bytes. This one has a single buffer:
 *
 * 1. It is filled and emitted.
 * 2. The write returns false, as any write of `highWaterMark` bytes or more, and the pipeline pauses this stream.
 * 3. The destination has copied the bytes when it emits `drain`. Only then does the pipeline read again, because this
 *    stream, with a `highWaterMark` of 0, does not read ahead.
 *
 * Fewer bytes may wait in the destination's queue after their write has returned, so they are emitted as a copy.
 * @param destination the stream to which the result is piped. It copies the bytes of a chunk before its write callback.
 * @param start the offset at which to begin to read a file; by default its current position
 */
export function readInput(fd: number, destination: Writable, start?: number): Readable {
  const stats = fstatSync(fd)
  const isPolled = stats.isFIFO() || stats.isSocket()
  return isPolled ? readPolled(fd, destination) : readFile(fd, destination, start)
}

/** Reads in a thread of Node's pool, which a pipe would occupy until its next byte, and after the end of the upload. */
function readFile(fd: number, destination: Writable, start?: number): Readable {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_SIZE)
  let position = start
  return new Readable({
    highWaterMark: 0,
    read() {
      read(fd, buffer, 0, buffer.length, position ?? null, (error, count) => {
        if (position !== undefined) position += count
        if (error) this.destroy(error)
        else this.push(count === 0 ? null : reusable(buffer.subarray(0, count), destination))
      })
    },
  })
}

function readPolled(fd: number, destination: Writable): Readable {
  const onread = {
    buffer: Buffer.allocUnsafeSlow(BUFFER_SIZE),
    callback: (count: number, buffer: Uint8Array): boolean => {
      output.push(reusable(buffer.subarray(0, count), destination))
      // The socket reads nothing until it is resumed.
      return false
    },
  }
  const options = { fd, readable: true, writable: false, manualStart: true, onread }
  const socket = new Socket(options)
  const output = new Readable({
    highWaterMark: 0,
    read: () => socket.resume(),
    destroy: (error, callback) => {
      socket.destroy()
      callback(error)
    },
  })
  socket.on('end', () => output.push(null)).on('error', (error) => output.destroy(error))
  return output
}

function reusable(chunk: Uint8Array, { writableHighWaterMark }: Writable): Uint8Array {
  return chunk.length < writableHighWaterMark ? Buffer.from(chunk) : chunk
}
