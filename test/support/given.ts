import type { Test } from 'tap'
import type { S3Writable, S3WritableOptions } from '../../lib/index.js'
import type { Fault } from './fault-proxy.js'
import type { Seen } from './recorded-request.js'
import { type Way, way } from './scenario.js'

export const never = new Promise<never>(() => {})
export const holding =
  (operation: string) =>
  (seen: Seen): Fault | undefined =>
    seen.operation === operation ? { do: 'hold', until: never } : undefined

/** One stream on its way through a proxy with a fault. */
export interface Given extends Pick<Way, 'proxy' | 'Bucket'> {
  upload: S3Writable
}

export async function given(
  t: Test,
  fault: (seen: Seen) => Fault | undefined = () => undefined,
  options: Partial<S3WritableOptions> = {},
): Promise<Given> {
  const { proxy, Bucket, upload } = await way(t, { fault })
  return { upload: upload(options), proxy, Bucket }
}

export async function acknowledged(upload: S3Writable, size: number): Promise<void> {
  while (upload.bytesUploaded < size) await new Promise((resolve) => upload.once('progress', resolve))
}
