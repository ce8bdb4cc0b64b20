import { createHash } from 'node:crypto'
import { createReadStream, existsSync, fstatSync, readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { Part, S3Client } from '@aws-sdk/client-s3'
import { crc32Base64 } from '../checksum.js'
import { crc32 } from '../crc32.js'
import { listParts, listUploads, type Resume, type ResumePoint, resumePoint, type UploadOptions } from '../index.js'
import { bare } from '../integrity.js'
import { Failure } from './failure.js'
import type { Address } from './values.js'

export interface ResumeOptions {
  resume?: boolean
  uploadId?: string
  leaveParts?: boolean
  param?: Record<string, unknown>
}

/** What the stream is told, and where in a file the input begins then. */
export interface Resumed {
  resume?: Resume
  start?: number
}

/** A file, and where in it whoever reads on begins. */
export interface Input {
  fd: number
  position: number
  size: number
  /** When it was last written to, or put in its place, in ms. */
  changed: number
}

/** Clocks differ: a file is older than an upload by so much at least, in ms. */
const MARGIN = 60_000

/**
 * How to go on with the unfinished upload of an object. All input comes from the start again, and is compared, but a file
 * that shows to be the same: it is older than the upload, and holds the first and the last of the stored parts. That is
 * read from where the upload stopped.
 */
export async function resumed(
  client: S3Client,
  at: Address,
  { resume, uploadId: UploadId, param }: ResumeOptions,
  input: Input | undefined,
): Promise<Resumed> {
  if (!resume) {
    if (UploadId !== undefined) throw new Failure(2, '--upload-id goes with --resume.')
    return {}
  }
  const fromStart = { resume: UploadId === undefined ? (true as const) : { UploadId } }
  if (input === undefined) return fromStart
  try {
    const point = await resumePoint({ ...param, client, ...at, UploadId })
    const upload = { client, ...at, UploadId: point.UploadId }
    const start = input.position + point.offset
    const same = start <= input.size && (await isOlder(input, upload)) && (await holds(input, upload, point))
    return same ? { resume: point, start } : { resume: { UploadId: point.UploadId } }
  } catch {
    // The stream meets the same, and says what it is.
    return fromStart
  }
}

/** Whether the file was there, as it is, before the upload was begun. */
async function isOlder({ changed }: Input, { client, Bucket, Key, UploadId }: UploadOptions): Promise<boolean> {
  for await (const upload of listUploads({ client, Bucket, Prefix: Key })) {
    if (upload.UploadId === UploadId) return changed + MARGIN < Number(upload.Initiated)
  }
  return false
}

/** Whether the first and the last of the point's parts are what the file has in their places. */
async function holds({ fd, position }: Input, upload: UploadOptions, { parts }: ResumePoint): Promise<boolean> {
  let start = position
  for await (const part of listParts(upload)) {
    const { PartNumber = 0, Size = 0 } = part
    if (PartNumber > parts) break
    if ((PartNumber === 1 || PartNumber === parts) && !(await isSame(fd, start, part))) return false
    start += Size
  }
  return true
}

async function isSame(fd: number, start: number, { Size = 0, ChecksumCRC32, ETag = '' }: Part): Promise<boolean> {
  const bytes = createReadStream('', { fd, start, end: start + Size - 1, autoClose: false })
  if (!ChecksumCRC32) return bare(ETag) === (await pipeline(bytes, createHash('md5').setEncoding('hex'), text))
  let crc = 0
  for await (const chunk of bytes) crc = crc32(chunk, crc)
  return ChecksumCRC32 === crc32Base64(crc)
}

/**
 * Standard input, where it is a file and the system tells where in it this process is (Linux): a shell may have read from
 * it before. https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html
 */
export function inputFile(fd = 0, about = `/proc/self/fdinfo/${fd}`): Input | undefined {
  const stats = fstatSync(fd)
  if (!stats.isFile() || !existsSync(about)) return undefined
  const position = Number(/^pos:\s*(\d+)$/m.exec(readFileSync(about, 'utf8'))?.[1])
  return { fd, position, size: stats.size, changed: Math.max(stats.mtimeMs, stats.ctimeMs) }
}
