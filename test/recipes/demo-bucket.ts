import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3'
import { abortUpload, listParts, listUploads } from 's3-writable'

/** How the command ended. */
export interface CommandResult {
  code: number | null
  killedBy: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** The bucket of one run of the demo. `signal` ends what waits for S3. */
export class DemoBucket {
  readonly #client: S3Client
  readonly #name: string
  readonly #signal: AbortSignal

  constructor(client: S3Client, name: string, signal: AbortSignal) {
    this.#client = client
    this.#name = name
    this.#signal = signal
  }

  async create(): Promise<void> {
    await this.#client.send(new CreateBucketCommand({ Bucket: this.#name }))
  }

  /** Waits until this many parts of the upload are stored, and fails if the command ends before. */
  async waitForParts(Key: string, count: number, ended: Promise<CommandResult>): Promise<string> {
    let result: CommandResult | undefined
    void ended.then(
      (value) => {
        result = value
      },
      () => {},
    )
    for (;;) {
      let parts = 0
      for await (const upload of listUploads({ client: this.#client, Bucket: this.#name, Prefix: Key })) {
        for await (const _ of listParts({
          client: this.#client,
          Bucket: this.#name,
          Key: upload.Key,
          UploadId: upload.UploadId,
        }))
          parts++
      }
      if (parts >= count) return `${parts} parts`
      if (result !== undefined) {
        throw new Error(`s3-writable ended too early, with ${result.code}: ${result.stderr}`)
      }
      await sleep(50, undefined, { signal: this.#signal })
    }
  }

  /** Reads the object back. */
  async compare(Key: string, expected: string): Promise<void> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#name, Key }), {
      abortSignal: this.#signal,
    })
    const hash = createHash('sha256')
    await pipeline(Body as Readable, hash, { signal: this.#signal })
    const read = hash.digest('hex')
    if (read !== expected) {
      throw new Error(`${Key} has the SHA-256 ${read} when it is read back, but ${expected} was written`)
    }
    console.log(`   SHA-256 written and read back: ${read}`)
  }

  /** The keys of the objects, in words. */
  async objects(): Promise<string> {
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket: this.#name }))
    return Contents.map(({ Key }) => Key).join(' and ') || 'no object'
  }

  /** The keys of the unfinished uploads, in words. */
  async unfinishedUploads(): Promise<string> {
    const keys: string[] = []
    for await (const { Key, UploadId } of listUploads({ client: this.#client, Bucket: this.#name })) {
      // MinIO may list an upload that no longer exists.
      const parts = listParts({ client: this.#client, Bucket: this.#name, Key, UploadId }).next()
      const exists = await parts.then(
        () => true,
        (error) => error.name !== 'NoSuchUpload',
      )
      if (exists) keys.push(Key)
    }
    return keys.join(', ') || 'none'
  }

  /** Removes the bucket with all that is in it. */
  async remove(): Promise<void> {
    for await (const upload of listUploads({ client: this.#client, Bucket: this.#name }))
      await abortUpload({ client: this.#client, Bucket: this.#name, ...upload })
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket: this.#name }))
    for (const { Key } of Contents) await this.#client.send(new DeleteObjectCommand({ Bucket: this.#name, Key }))
    await this.#client.send(new DeleteBucketCommand({ Bucket: this.#name }))
  }
}
