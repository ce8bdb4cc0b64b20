export type { S3WritableResult } from './commit.js'
export { S3WritableError, type S3WritableErrorCode } from './errors.js'
export type {
  BeforeComplete,
  S3ClientLike,
  S3WritableOptions,
} from './options.js'
export type { S3WritableProgress } from './progress.js'
export { S3Writable, s3Writable } from './s3-writable.js'
