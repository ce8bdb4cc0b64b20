import { existsSync, fstatSync, readFileSync } from 'node:fs'
import type { S3Client } from '@aws-sdk/client-s3'
import { type Resume, resumePoint } from '../index.js'
import { Failure } from './failure.js'
import type { Address } from './parse.js'

export interface ResumeOptions {
  resume?: boolean
  resumeAuto?: boolean
  uploadId?: string
  trustParts?: boolean
  leaveParts?: boolean
  param?: Record<string, unknown>
}

/** How to resume; empty for a new upload. */
export interface ResumePlan {
  /** The stream's option. */
  resume?: Resume
  /** The offset in the file on standard input at which to begin to read. Undefined: its current position. */
  start?: number
}

/** A file that is this process's standard input. */
export interface InputFile {
  /** The offset in the file of the next read. */
  position: number
  size: number
}

/**
 * Turns the command's options into a plan. By default the input is read from its start, and the stream compares it with
 * every stored part. With `trustParts`, a file is read from the end of the stored parts on, and nothing is compared.
 * The command never chooses this by itself, because a file's times do not prove that it is unchanged: clocks differ,
 * and times can be set.
 */
export async function planResume(
  client: S3Client,
  address: Address,
  { resume, resumeAuto, uploadId: UploadId, trustParts, param }: ResumeOptions,
  input: InputFile | undefined,
): Promise<ResumePlan> {
  if (resume && resumeAuto) throw new Failure(2, '--resume and --resume=auto exclude each other: give one of them.')
  if (!resume) {
    const needed = resumeAuto ? '--resume without =auto' : '--resume'
    if (UploadId !== undefined) throw new Failure(2, `--upload-id needs ${needed}.`)
    if (trustParts) throw new Failure(2, `--trust-parts needs ${needed}.`)
    return resumeAuto ? { resume: 'auto' } : {}
  }
  if (!trustParts) return { resume: UploadId === undefined ? true : { UploadId } }
  if (input === undefined) {
    throw new Failure(2, '--trust-parts needs a file as standard input (on Linux): s3-writable … < file.')
  }
  const point = await resumePoint({ ...param, client, ...address, UploadId })
  const start = input.position + point.offset
  if (start <= input.size) return { resume: point, start }
  const length = Math.max(0, input.size - input.position)
  const why = `standard input ends after ${length} bytes, but ${point.offset} are stored, so it is not the same file`
  throw new Failure(
    1,
    `s3://${address.Bucket}/${address.Key}: ${why}. Resume without --trust-parts to compare the bytes.`,
  )
}

/**
 * Standard input, if it is a file and the system reports this process's position in it (on Linux). The position matters
 * because a shell may have read from the file before. https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html
 */
export function findInputFile(fd = 0, fdInfo = `/proc/self/fdinfo/${fd}`): InputFile | undefined {
  const stats = fstatSync(fd)
  if (!stats.isFile() || !existsSync(fdInfo)) return undefined
  const position = Number(/^pos:\s*(\d+)$/m.exec(readFileSync(fdInfo, 'utf8'))?.[1])
  return { position, size: stats.size }
}
