/**
 * The stream, the functions on unfinished uploads, and their types.
 * @module s3-writable
 */
export type {
  CleanUpMessage,
  ObjectMessage,
  RequestMessage,
  RetryMessage,
  SkipMessage,
  StallMessage,
  UploadMessage,
} from './diagnostics/channels.js'
export { S3WritableError, type S3WritableErrorCode, type S3WritableErrorDetails } from './errors/s3-writable-error.js'
export type { S3WritableStats } from './errors/stats.js'
export type {
  BeforeComplete,
  Concurrency,
  Resume,
  ResumePoint,
  S3ClientLike,
  S3WritableOptions,
} from './options/types.js'
export type { UnfinishedUpload } from './requests/list.js'
export { type ResumePointOptions, resumePoint } from './resume/resume.js'
export { S3Writable, s3Writable } from './s3-writable.js'
export type { S3WritableProgress, S3WritableUpload } from './upload/progress.js'
export type { S3WritableResult } from './upload/result.js'
export { abortUpload, type ListUploadsOptions, listParts, listUploads, type UploadOptions } from './uploads.js'
