import type { CreateMultipartUploadCommandInput, PutObjectCommandInput } from '@aws-sdk/client-s3'
import type { SizeOfPart } from '../parts/sizes.js'

/** What is used of a client: `S3Client`, `S3`, or anything else with their `send` and `config`. */
export interface S3ClientLike {
  // biome-ignore lint/suspicious/noExplicitAny: each version of the SDK has its own command type, and all must fit
  send(command: any, options?: any): Promise<any>
  readonly config: object
}

/** What `beforeComplete` is told about the object that is about to appear. */
export interface BeforeComplete {
  /** Bytes in all. */
  size: number
  /** Parts stored; 1 for an object sent by one PutObject, which at this moment is still to be sent. */
  parts: number
  /** The multipart upload; undefined for an object sent by one PutObject. */
  UploadId: string | undefined
}

/**
 * How far an unfinished upload is, from the first byte on without a hole. Plain data, to be kept as JSON.
 */
export interface ResumePoint {
  UploadId: string
  /** Bytes that are stored: the source goes on from here. */
  offset: number
  /** Parts that hold them. */
  parts: number
  /** Bytes in a part, as the stored ones tell; undefined where none does. */
  partSize?: number | undefined
}

/** Which unfinished upload of the key is to be resumed; `true` where there is but one. */
export type Resume = true | { UploadId: string; offset?: undefined } | ResumePoint

/**
 * What `s3Writable` takes: a client, every parameter of PutObject and CreateMultipartUpload but `Body`, in S3's own
 * spelling, and, in camelCase, what belongs to the stream. `null` is as if it were left out, except for `client`, `Bucket`
 * and `Key`. Options that exclude or need each other are refused by name when the stream is made.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
 */
export interface S3WritableOptions
  extends Omit<PutObjectCommandInput & CreateMultipartUploadCommandInput, 'Bucket' | 'Key' | 'Body' | 'ContentLength'> {
  /** The S3 client to send with: its credentials, region, retries and middleware. Never destroyed by the stream. */
  client: S3ClientLike
  Bucket: string
  Key: string
  /**
   * The exact number of bytes that the stream must have, those before a `resume` point included. One more or one fewer
   * is `ERR_S3_LENGTH`, and nothing is published. Also chooses `partSize`, as `expectedSize` does, and is the `total` of
   * `progress`.
   * @default unknown
   */
  ContentLength?: number | undefined
  /**
   * About how many bytes will come. Only a hint: it raises `partSize` to the smallest whole MiB with which so many
   * bytes fit in `maxParts`. Not together with `ContentLength`.
   * @default unknown
   */
  expectedSize?: number | undefined
  /**
   * The most bytes that the stream may have, those before a `resume` point included. The byte that is one too many is
   * `ERR_S3_LENGTH`, and nothing is published: for uploads by strangers. A whole number, 0 or more, and no less than
   * `ContentLength` or `expectedSize`.
   * @default none
   */
  maxSize?: number | undefined
  /**
   * Bytes in a part; the last part may be smaller. An object of at most this many bytes is sent by one PutObject.
   * A whole number from 5 MiB to 5 GiB, or to what a Buffer holds (4 GiB on Node 20).
   * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
   * @default 8 MiB
   */
  partSize?: number | undefined
  /**
   * How many parts may be on their way at once. A whole number, 1 or more.
   * @default 4
   */
  concurrency?: number | undefined
  /**
   * How many parts the store takes. A whole number from 1 to 10,000.
   * @default 10,000
   */
  maxParts?: number | undefined
  /**
   * Make every part but the last the same size, as Cloudflare R2 wants it. A stream longer than
   * `partSize × maxParts` then fails with `ERR_S3_TOO_MANY_PARTS`; without it, the parts grow from the middle on.
   * @default false
   */
  equalParts?: boolean | undefined
  /**
   * Leave the body out of the request's signature (`x-amz-content-sha256: UNSIGNED-PAYLOAD`), which spares a SHA-256
   * of every byte. A bucket policy may forbid it.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
   * @default true over https, where TLS protects the body; false over http
   */
  unsignedPayload?: boolean | undefined
  /**
   * How long one request may stand still, in milliseconds: none of its bytes taken by the socket, and no byte of an answer
   * come. It is then cancelled and sent again, as often as the client's `maxAttempts`; after that the stream fails with
   * `ERR_S3_STALLED`. A slow request or answer that moves is never cancelled. Must be longer than what the system's socket
   * buffers (some MiB) take to empty. A whole number from 0, which is for ever, to 2,147,483,647.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
   * @default 120,000; for CompleteMultipartUpload, over which S3 may take minutes, 300,000
   */
  stallTimeout?: number | undefined
  /**
   * After a failure, leave the parts that S3 has stored, to resume the upload; the error carries its `UploadId`. They
   * cost money until the upload is completed or aborted.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
   * @default false
   */
  leavePartsOnError?: boolean | undefined
  /**
   * Goes on with an unfinished upload of this key. With `{ UploadId }`, or `true` where there is only one that may be
   * this account's, the bytes come again from the start, and parts that S3 holds already are not sent; a part that
   * differs is sent again. With a point of `resumePoint`, only the bytes from its `offset` on come: those before are
   * taken to be the same. The parts are cut as the stored ones are, whatever `partSize` says. `false` begins a new one.
   *
   * Until what is stored has been read, a failure leaves the upload as it was. After that it is this stream's, to be
   * completed, or removed unless `leavePartsOnError`. What CreateMultipartUpload took, such as `ContentType`, cannot
   * be given again.
   *
   * Fails with `ERR_S3_RESUME`, and leaves the upload, where there is no such one or more than one, where its parts are
   * irregular, or where they are not what the point says.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
   * @default undefined: a new upload
   */
  resume?: Resume | false | undefined
  /**
   * The last word before the object appears: called once every part is stored, and awaited. What it throws is what the
   * stream fails with, and nothing is published.
   * @default none
   */
  beforeComplete?: ((upload: BeforeComplete) => unknown) | undefined
  /**
   * Aborts the upload, as for any Node stream.
   * @default none
   */
  signal?: AbortSignal | undefined
  /**
   * As in Node: how many bytes the stream queues before `write()` answers false.
   * @default Node's own
   */
  highWaterMark?: number | undefined
}

/** Options as the rest of the library uses them: checked, with the defaults in place. */
export interface CheckedOptions {
  client: S3ClientLike
  Bucket: string
  Key: string
  /** S3's own parameters, `Bucket` and `Key` among them; nothing that is undefined or null. */
  s3: Readonly<Record<string, unknown>>
  ContentLength: number | undefined
  maxSize: number | undefined
  sizeOfPart: SizeOfPart
  maxParts: number
  equalParts: boolean
  resume: Resume | undefined
  concurrency: number
  unsignedPayload: boolean | undefined
  /** Undefined for the defaults, of which Complete has one of its own. */
  stallTimeout: number | undefined
  leavePartsOnError: boolean
  beforeComplete: ((upload: BeforeComplete) => unknown) | undefined
  signal: AbortSignal | undefined
  highWaterMark: number | undefined
}
