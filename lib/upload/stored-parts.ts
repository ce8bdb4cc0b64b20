import type { CompletedPart, UploadPartCommandOutput } from '@aws-sdk/client-s3'
import { checksumIn, checksumProblem } from '../checksums/compare.js'
import { combineAll, crc32Base64, type SizeAndCrc } from '../checksums/crc32.js'
import { hasOpaqueETag, md5OfETag } from '../checksums/etag.js'
import { hashInTurns } from '../checksums/hash.js'
import { publish, type SkipMessage, skipChannel } from '../diagnostics/channels.js'
import type { DeclaredChecksums } from '../options/checksums.js'
import type { Params } from '../options/types.js'
import type { Part } from '../parts/cutter.js'
import type { SizeOfPart } from '../parts/sizes.js'
import type { BodyToSend } from '../requests/body.js'
import { bodyChecksum } from '../requests/body-checksum.js'
import type { Requests } from '../requests/requests.js'
import type { Progress } from './progress.js'

/** A part that S3 holds: what Complete lists of it, and what is needed to verify the object afterwards. */
export interface StoredPart extends SizeAndCrc {
  listed: CompletedPart
  /** The MD5 of the part, if its ETag is one: not under SSE-KMS or SSE-C, and not in a directory bucket. */
  md5: string | undefined
  /**
   * Whether Complete must list a checksum of the part, and ListParts does not show it. It is computed when the same bytes
   * are written again.
   */
  lacksChecksum?: boolean
}

/** What an earlier stream of the same object has stored. */
export interface StoredUpload {
  UploadId: string
  /** When the upload was created, by S3's clock, in ms; undefined if only its UploadId is known. */
  createdAt: number | undefined
  /** The checksums that its Create declared. */
  declared: DeclaredChecksums
  /** How the upload was cut into parts, and must be cut from here on. */
  sizeOfPart: SizeOfPart
  /** The size of the first part, inferred from the stored ones; undefined if they do not show it. */
  partSize: number | undefined
  /** The stored parts by PartNumber. */
  parts: ReadonlyMap<number, StoredPart>
  /** With a resume point: the number of parts before it. The bytes of these parts are not written to the stream. */
  partsBeforePoint: number
}

/** Whether S3 holds exactly these bytes: the same size, and the same CRC-32, or an ETag that is their MD5. */
export async function holdsSameBytes({ body, crc }: Part, stored: StoredPart): Promise<boolean> {
  if (stored.size !== body.length) return false
  if (stored.crc !== undefined) return stored.crc === crc
  return stored.md5 !== undefined && stored.md5 === (await hashInTurns('md5', body)).digest('hex')
}

/**
 * The stored part, from UploadPart's answer, and `sent`, the checksum that the part was sent with (some stores do not
 * answer with it, but demand it at Complete); or why the answer does not prove that the part is stored.
 */
export function partFromAnswer(
  part: Part,
  answer: UploadPartCommandOutput,
  declared: DeclaredChecksums,
  Bucket: string,
  sent: Params,
): StoredPart | string {
  const { ETag } = answer
  if (!ETag) return 'it was answered without an ETag'
  const name = `Checksum${declared.ChecksumAlgorithm}`
  const ours = sent[name] as string | undefined
  const problem = checksumProblem(answer, { [name]: [ours], ChecksumCRC32: [crc32Base64(part.crc)] })
  if (problem !== undefined) return problem
  const checksum = ours ?? checksumIn(answer, name)
  return {
    listed: {
      PartNumber: part.PartNumber,
      ETag,
      ...(checksum === undefined ? {} : { [name]: checksum }),
    },
    crc: part.crc,
    size: part.body.length,
    md5: hasOpaqueETag(answer, Bucket) ? undefined : md5OfETag(ETag),
  }
}

/** What is called while a part is sent. */
export interface PartHooks extends Pick<BodyToSend, 'onHandedOver' | 'onSlowDown'> {
  /** Called when this many bytes were given to the network. */
  onGiven: (bytes: number) => void
}

/** The parts of one upload. Each was sent by this stream, or found stored by an earlier one. */
export class StoredParts {
  readonly #requests: Requests
  readonly #progress: Progress
  readonly #signal: AbortSignal
  /** In ascending order; PartNumber 1 is at index 0. */
  readonly list: StoredPart[] = []
  #earlier: ReadonlyMap<number, StoredPart> = new Map()
  /** The size, CRC-32 and number of the parts before the resume point. */
  beforePoint: SizeAndCrc & { parts: number } = { crc: 0, size: 0, parts: 0 }

  /** `signal` cancels the requests. */
  constructor(requests: Requests, progress: Progress, signal: AbortSignal) {
    this.#requests = requests
    this.#progress = progress
    this.#signal = signal
  }

  /** Continues an earlier upload. To be called before the first `store`. */
  resume({ UploadId, parts, partsBeforePoint }: StoredUpload): void {
    this.#earlier = parts
    for (let n = 1; n <= partsBeforePoint; n++) {
      const part = parts.get(n) as StoredPart
      this.list.push(part)
      this.#publishSkip(UploadId, n, part.size)
    }
    this.beforePoint = { ...combineAll(this.list), parts: partsBeforePoint }
    this.#progress.skip(this.beforePoint.size, partsBeforePoint)
  }

  /** Sends the part, unless an earlier stream has stored the same bytes. Returns whether it was sent. */
  async store(UploadId: string, part: Part, hooks: PartHooks): Promise<boolean> {
    const index = part.PartNumber - 1
    const earlier = this.#earlier.get(part.PartNumber)
    if (earlier !== undefined && (await holdsSameBytes(part, earlier))) {
      this.#progress.skip(earlier.size, 1)
      this.#publishSkip(UploadId, part.PartNumber, earlier.size)
      this.list[index] = {
        ...earlier,
        crc: part.crc,
        listed: { ...earlier.listed, ...(await this.#lacking(part, earlier)) },
      }
      return false
    }
    this.list[index] = await this.#send(UploadId, part, hooks)
    return true
  }

  #publishSkip(UploadId: string, PartNumber: number, bytes: number): void {
    publish<SkipMessage>(skipChannel, () => ({ ...this.#requests.target, UploadId, PartNumber, bytes }))
  }

  /** The checksum that Complete must list of an earlier part, and ListParts does not show: that of the same bytes. */
  async #lacking(part: Part, { lacksChecksum }: StoredPart): Promise<Partial<CompletedPart>> {
    if (!lacksChecksum) return {}
    const { ChecksumAlgorithm: _, ...checksum } = await bodyChecksum(await this.#requests.declared(), part, () =>
      this.#signal.throwIfAborted(),
    )
    return checksum
  }

  async #send(UploadId: string, part: Part, { onGiven, ...hooks }: PartHooks): Promise<StoredPart> {
    const { PartNumber, body, crc } = part
    const counted = { ...this.#progress.bodyToSend(body, crc, this.#signal), ...hooks }
    const { onSent } = counted
    counted.onSent = (sent, bytes) => {
      onSent(sent, bytes)
      onGiven(bytes)
    }
    const answer = await this.#requests.uploadPart(UploadId, PartNumber, counted)
    const { Bucket } = this.#requests.target
    const stored = partFromAnswer(part, answer, await this.#requests.declared(), Bucket, counted.checksum as Params)
    if (typeof stored === 'string') {
      const context = { UploadId, PartNumber, operation: 'UploadPart' }
      throw this.#requests.error('ERR_S3_INTEGRITY', `part ${PartNumber} could not be verified: ${stored}`, context)
    }
    this.#progress.acknowledged(counted)
    return stored
  }
}
