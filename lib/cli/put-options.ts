import type { ClientOptions } from './client.js'
import type { ResumeOptions } from './resume.js'

/** The options of an upload, by the properties that commander gives them; those of `s3-parameters.ts` are not typed. */
export interface UploadCommandOptions extends ClientOptions, ResumeOptions {
  partSize?: number
  concurrency?: number | 'auto'
  /** In bytes. */
  maxMemory?: number
  /** In bytes a second. */
  limitRate?: number
  expectedSize?: number
  contentLength?: number
  maxSize?: number
  maxParts?: number
  equalParts?: boolean
  /** In ms; 0 for none. */
  stallTimeout?: number
  unsignedPayload?: boolean
  ifNoneMatch?: string
  metadata?: Record<string, string>
  param?: Record<string, unknown>
  dryRun?: boolean
  json?: boolean
  quiet?: boolean
  progress: boolean
}
