import type { CreateMultipartUploadCommandInput, PutObjectCommandInput } from '@aws-sdk/client-s3'
import type { SizeOfPart } from '../parts/sizes.js'

/** Parameters of an S3 operation, in S3's spelling. */
export type Params = Readonly<Record<string, unknown>>

/** An S3 client: the SDK's `S3Client` or `S3`, of any version, or any object with their `send` and `config`. */
export interface S3ClientLike {
  /** Sends a command of `@aws-sdk/client-s3`, and resolves with its output. */
  // biome-ignore lint/suspicious/noExplicitAny: each version of the SDK has its own command type, and all must fit
  send(command: any, options?: any): Promise<any>
  /** The client's resolved configuration. */
  readonly config: object
}

/** The object that is about to be made, as `beforeComplete` receives it. */
export interface BeforeComplete {
  /** The size of the object in bytes. */
  size: number
  /** The number of stored parts; 1 for an object that will be sent by a single PutObject. */
  parts: number
  /** The id of the multipart upload; undefined for an object that will be sent by a single PutObject. */
  UploadId: string | undefined
}

/** How much of an unfinished upload is stored without a gap: plain data that `resumePoint` returns. JSON can keep it. */
export interface ResumePoint {
  /** The id of the upload. */
  UploadId: string
  /** The number of bytes that are stored. The source continues at this byte. */
  offset: number
  /** The number of parts that hold these bytes. */
  parts: number
  /** The size of a part in bytes, inferred from the stored parts; undefined if they do not determine it. */
  partSize?: number | undefined
}

/**
 * The unfinished upload to resume: the only one of the key (`true`), the same if there is one (`'auto'`), the one with this
 * `UploadId`, or one whose first bytes are not written again (a `ResumePoint`).
 */
export type Resume =
  | true
  | 'auto'
  | {
      /** The id of the upload to resume. */
      UploadId: string
      /** Only a `ResumePoint` has it. */
      offset?: undefined
    }
  | ResumePoint

/**
 * How many parts are sent at the same time: a number, or the bounds between which the stream finds the number that the
 * link pays for. `'auto'` stands for `{ min: 4, max: 16 }`.
 */
export type Concurrency =
  | number
  | 'auto'
  | {
      /**
       * The number to begin with, and the least. An integer, 1 or more.
       * @default 4, or `max` if that is less
       */
      min?: number | undefined
      /**
       * The largest number. An integer, not less than `min`. It bounds the memory: `partSize × (max + 1)`.
       * @default 16, or `min` if that is more
       */
      max?: number | undefined
    }

/**
 * The options of `s3Writable`: a client; every parameter of PutObject and CreateMultipartUpload except `Body`, in S3's
 * spelling; and, in camelCase, the options of the stream. An option of `null` counts as left out, except `client`,
 * `Bucket` and `Key`. Options that exclude or require each other are checked when the stream is created.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
 */
export interface S3WritableOptions
  extends Omit<PutObjectCommandInput & CreateMultipartUploadCommandInput, 'Bucket' | 'Key' | 'Body' | 'ContentLength'> {
  /** The S3 client to send with, by its credentials, region, retries and middleware. The stream never destroys it. */
  client: S3ClientLike
  /** The bucket of the object: a name, or the ARN of an access point. */
  Bucket: string
  /** The key of the object. */
  Key: string
  /**
   * The exact length of the object in bytes, including the bytes before a `resume` point. If the stream has more or
   * fewer bytes, it fails with `ERR_S3_LENGTH`, and no object is made. Also raises `partSize`, as `expectedSize` does,
   * and is the `total` of the `progress` event. An integer, 0 or more. Excludes `expectedSize`.
   * @default unknown
   */
  ContentLength?: number | undefined
  /**
   * The approximate length of the object in bytes. It is only a hint: it raises `partSize` to the smallest multiple of
   * 1 MiB with which that many bytes fit into `maxParts` parts. An integer, 0 or more. Excludes `ContentLength`.
   * @default unknown
   */
  expectedSize?: number | undefined
  /**
   * The largest length of the object in bytes, including the bytes before a `resume` point. If the stream is longer, it
   * fails with `ERR_S3_LENGTH` at the first byte too many, and no object is made. Use it for uploads by untrusted
   * clients. An integer, 0 or more, and not less than `ContentLength` or `expectedSize`.
   * @default no limit
   */
  maxSize?: number | undefined
  /**
   * The size of a part in bytes; the last part may be smaller. An object of at most this size is sent by a single
   * PutObject. An integer from 5 MiB to 5 GiB, or to the largest Buffer (4 GiB on Node 20).
   * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
   * @default 8 MiB
   */
  partSize?: number | undefined
  /**
   * The largest number of parts that are sent at the same time. An integer, 1 or more; or `'auto'` or `{ min, max }`:
   * the stream begins with `min`, and sends more at the same time where that is faster, as over a long link. Memory is
   * taken only for the parts that are sent.
   * @default 4
   */
  concurrency?: Concurrency | undefined
  /**
   * The largest number of parts that the store accepts. An integer from 1 to 10,000.
   * @default 10,000
   */
  maxParts?: number | undefined
  /**
   * Whether all parts except the last have the same size, which Cloudflare R2 requires. A stream longer than
   * `partSize × maxParts` then fails with `ERR_S3_TOO_MANY_PARTS`. Otherwise the parts from the middle of `maxParts` on
   * grow, unless `ContentLength` is given.
   * @default false
   */
  equalParts?: boolean | undefined
  /**
   * Whether to leave the body out of the request's signature (`x-amz-content-sha256: UNSIGNED-PAYLOAD`), which saves
   * hashing every byte with SHA-256. A bucket policy may forbid it.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
   * @default true over https, because TLS protects the body; false over http
   */
  unsignedPayload?: boolean | undefined
  /**
   * How long a request may make no progress, in ms: the socket takes none of its bytes, and no byte of an answer
   * arrives. The request is then cancelled and sent again, up to the client's `maxAttempts`. After that, the stream
   * fails with `ERR_S3_STALLED`. A slow request that makes progress is never cancelled. The timeout must be longer than
   * the system needs to send the bytes in its socket buffers (some MiB). An integer from 0 (none) to 2,147,483,647.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
   * @default 120,000; 300,000 for CompleteMultipartUpload, which may take S3 minutes
   */
  stallTimeout?: number | undefined
  /**
   * The highest rate of this stream, in bytes a second. All its parts share it, and bytes that are sent again count too.
   * The rate is exact over seconds: after a pause, at most a fifth of a second's bytes (512 bytes at least) are sent at
   * once. Only bodies count, not the headers of requests, nor what TLS adds. An integer, 1 or more.
   *
   * A request that waits for its turn has not stalled. But a part takes up to `partSize × concurrency / maxRate`
   * seconds, which a `requestTimeout` of the client must allow. At a low rate a broken connection is detected late,
   * because the socket buffers (some MiB) take the bytes at first. Below about 100 bytes a second for each part in
   * flight, connections pause for seconds, and a store may close them: S3 closes those that are idle for 20 s.
   * @default no limit
   */
  maxRate?: number | undefined
  /**
   * Whether to leave the stored parts after a failure, so that the upload can be resumed; the error has its `UploadId`.
   * The parts cost money until the upload is completed or aborted.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
   * @default false
   */
  leavePartsOnError?: boolean | undefined
  /**
   * Continues an unfinished upload of this key.
   *
   * - `{ UploadId }`, or `true` if the key has only one unfinished upload that may belong to this account: write all
   *   bytes again from the start. Parts that S3 already holds are not sent; a part that differs is sent again.
   * - `'auto'`: the same as `true` if the key has an unfinished upload; otherwise begins a new one. Parameters of
   *   CreateMultipartUpload are accepted, and apply to a new upload only.
   * - A point of `resumePoint`: write only the bytes from its `offset` on. The bytes before it are assumed to be the
   *   same.
   * - `false`: begins a new upload.
   *
   * The parts are cut as the stored ones were, whatever `partSize` says. Parameters of CreateMultipartUpload, such as
   * `ContentType`, cannot be given again, except with `'auto'`. With a point, MD5 and SHA hashes of the full object
   * cannot be given either, because the bytes before its offset are not read.
   *
   * The stream fails with `ERR_S3_RESUME`, and leaves the upload as it is, if there is no such upload or more than one,
   * if its parts are irregular, or if they do not match the point. A failure before ListParts has answered also leaves
   * the upload. After that, the upload belongs to this stream: a failure removes it unless `leavePartsOnError` is set.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
   * @default a new upload
   */
  resume?: Resume | false | undefined
  /**
   * Called and awaited when all parts are stored, before the object is made. If it throws or rejects, the stream fails
   * with that error, and no object is made.
   *
   * @example
   * const dump = spawn('pg_dump', ['app'], { stdio: ['ignore', 'pipe', 'inherit'] })
   * await once(dump, 'spawn')
   * const closed = once(dump, 'close')
   * const beforeComplete = async () => {
   *   // The stdout of a program that crashed simply ends, as on success, so only the exit code shows the failure.
   *   const [code] = await closed
   *   if (code !== 0) throw new Error(`pg_dump exited with code ${code}`)
   * }
   * await pipeline(dump.stdout, s3Writable({ client, Bucket: 'backups', Key: 'app.sql', beforeComplete }))
   * @default none
   */
  beforeComplete?: ((upload: BeforeComplete) => unknown) | undefined
  /**
   * Aborts the upload and destroys the stream with an `AbortError`, as for any Node stream.
   * @default none
   */
  signal?: AbortSignal | undefined
  /**
   * How many bytes the stream buffers before `write()` returns false, as for any Node stream. An integer, 0 or more.
   * @default Node's default
   */
  highWaterMark?: number | undefined
}

/** The least and the largest number of parts in flight. */
export interface ConcurrencyBounds {
  readonly min: number
  readonly max: number
}

/** The options after the check, with their defaults. */
export interface CheckedOptions {
  client: S3ClientLike
  Bucket: string
  Key: string
  /** S3's parameters, including `Bucket` and `Key`. None of them is undefined or null. */
  s3: Readonly<Record<string, unknown>>
  ContentLength: number | undefined
  maxSize: number | undefined
  sizeOfPart: SizeOfPart
  maxParts: number
  equalParts: boolean
  resume: Resume | undefined
  /** The least and the largest number of parts in flight. They are equal if the number is fixed. */
  concurrency: ConcurrencyBounds
  unsignedPayload: boolean | undefined
  /** Undefined for the default, which depends on the operation. */
  stallTimeout: number | undefined
  /** In bytes a second. */
  maxRate: number | undefined
  leavePartsOnError: boolean
  beforeComplete: ((upload: BeforeComplete) => unknown) | undefined
  signal: AbortSignal | undefined
  highWaterMark: number | undefined
}
