import { existsSync, fstatSync, readFileSync } from 'node:fs'
import type { S3Client } from '@aws-sdk/client-s3'
import { type Resume, resumePoint } from '../index.js'
import { Failure } from './failure.js'
import type { Address } from './parse.js'

export interface ResumeOptions {
  resume?: boolean
  uploadId?: string
  trustParts?: boolean
  leaveParts?: boolean
  param?: Record<string, unknown>
}

/** The stream's `resume` option, and where in the input file reading begins. */
export interface Resumed {
  resume?: Resume
  start?: number
}

/** A file as standard input. */
export interface Input {
  /** Where in the file the next read begins. */
  position: number
  size: number
}

/**
 * How to go on with the unfinished upload of an object. The stream compares every stored part with the input, which comes
 * from its start again. With `trustParts` a file is read from behind the stored parts on, and they are taken as they are:
 * no time of a file proves that it is what it was, since clocks differ and times can be set.
 */
export async function resumed(
  client: S3Client,
  at: Address,
  { resume, uploadId: UploadId, trustParts, param }: ResumeOptions,
  input: Input | undefined,
): Promise<Resumed> {
  if (!resume) {
    if (UploadId !== undefined) throw new Failure(2, '--upload-id goes with --resume.')
    if (trustParts) throw new Failure(2, '--trust-parts goes with --resume.')
    return {}
  }
  if (!trustParts) return { resume: UploadId === undefined ? true : { UploadId } }
  if (input === undefined) {
    throw new Failure(2, '--trust-parts needs a file as standard input (on Linux): s3-writable … < file.')
  }
  const point = await resumePoint({ ...param, client, ...at, UploadId })
  const start = input.position + point.offset
  if (start <= input.size) return { resume: point, start }
  const held = Math.max(0, input.size - input.position)
  const why = `standard input ends after ${held} bytes, and ${point.offset} are stored, so it is not the same file`
  throw new Failure(1, `s3://${at.Bucket}/${at.Key}: ${why}. Resume it without --trust-parts, to compare them.`)
}

/**
 * Standard input, where it is a file and the system tells where in it this process is (Linux): a shell may have read from
 * it before. https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html
 */
export function inputFile(fd = 0, about = `/proc/self/fdinfo/${fd}`): Input | undefined {
  const stats = fstatSync(fd)
  if (!stats.isFile() || !existsSync(about)) return undefined
  const position = Number(/^pos:\s*(\d+)$/m.exec(readFileSync(about, 'utf8'))?.[1])
  return { position, size: stats.size }
}
