import type { S3WritableStats } from '../errors/stats.js'
import type { CleanupResult } from './cleanup.js'
import type { S3WritableProgress, S3WritableUpload } from './progress.js'
import type { S3WritableResult } from './result.js'

/** Where the stream writes its bytes: an Upload, or an ObjectComparison where the upload to resume no longer exists. */
export interface WriteTarget {
  readonly UploadId: string | undefined
  /** Bytes that S3 has acknowledged. */
  readonly bytesUploaded: number
  /** How the upload went so far. */
  readonly stats: S3WritableStats
  /** Takes as many bytes as there is room for and returns their number. Throws if the stream can no longer succeed. */
  write(chunk: Uint8Array): number
  /** Takes all of the text and returns its length in bytes, or undefined if it must be written as a chunk instead. */
  writeText(text: string, encoding: BufferEncoding): number | undefined
  /** Resolves once `write` can take at least one byte; rejects if it never will. */
  room(): Promise<void>
  /** Makes the object. To be called after the last `write`. */
  end(): Promise<S3WritableResult>
  /** Ends the upload and removes what S3 has stored of it. Never rejects, and takes 30 s at most. */
  abort(reason: Error): Promise<CleanupResult>
}

/** The callbacks of an upload. */
export interface UploadListener {
  /** S3 has returned the UploadId. */
  onUpload: (upload: S3WritableUpload) => void
  onProgress: (progress: S3WritableProgress) => void
  /** A request failed. Called immediately, whether or not a write is waiting; may be called more than once. */
  onFailure: (error: Error) => void
}
