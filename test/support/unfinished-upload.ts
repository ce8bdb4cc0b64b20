import {
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { P } from './bytes.js'

/**
 * Starts an upload, of the key `k` unless `create` names another, stores these parts, and leaves it unfinished, as
 * another program may have done. Returns the UploadId.
 */
export async function unfinishedUpload(
  client: S3Client,
  Bucket: string,
  parts: Record<number, Buffer>,
  create: Partial<CreateMultipartUploadCommandInput> = { ChecksumAlgorithm: 'CRC32' },
): Promise<string> {
  const { ChecksumAlgorithm, Key = 'k' } = create
  const names = { Bucket, Key }
  const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ ...create, ...names }))
  await Promise.all(
    Object.entries(parts).map(([number, Body]) =>
      client.send(new UploadPartCommand({ ...names, UploadId, PartNumber: Number(number), Body, ChecksumAlgorithm })),
    ),
  )
  return UploadId
}

/** Part n of the data in parts of 5 MiB. */
export function partOf(data: Buffer, n: number): Buffer {
  return data.subarray((n - 1) * P, n * P)
}

/** The parts with these numbers of the data in parts of 5 MiB, by their numbers. */
export function partsOf(data: Buffer, ...numbers: number[]): Record<number, Buffer> {
  return Object.fromEntries(numbers.map((n) => [n, partOf(data, n)]))
}
