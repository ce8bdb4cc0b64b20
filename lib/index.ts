export type { S3WritableResult } from './commit.js'
export { S3WritableError, type S3WritableErrorCode } from './errors.js'
export type { UnfinishedUpload } from './list.js'
export type {
  BeforeComplete,
  Resume,
  ResumePoint,
  S3ClientLike,
  S3WritableOptions,
} from './options.js'
export type { S3WritableProgress, S3WritableUpload } from './progress.js'
export { type ResumePointOptions, resumePoint } from './resume.js'
export { S3Writable, s3Writable } from './s3-writable.js'
export {
  abortUpload,
  type ListUploadsOptions,
  listParts,
  listUploads,
  type UploadOptions,
} from './uploads.js'
