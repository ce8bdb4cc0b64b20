import {
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { P } from './bytes.js'

/** An upload of the key `k`, or another, with these parts, as another program may have left it. Its UploadId. */
export async function unfinishedUpload(
  client: S3Client,
  Bucket: string,
  parts: Record<number, Buffer>,
  create: Partial<CreateMultipartUploadCommandInput> = { ChecksumAlgorithm: 'CRC32' },
): Promise<string> {
  const { ChecksumAlgorithm, Key = 'k' } = create
  const place = { Bucket, Key }
  const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ ...create, ...place }))
  await Promise.all(
    Object.entries(parts).map(([number, Body]) =>
      client.send(new UploadPartCommand({ ...place, UploadId, PartNumber: Number(number), Body, ChecksumAlgorithm })),
    ),
  )
  return UploadId
}

/** What of these bytes is part n, with 5 MiB in each. */
export function partOf(data: Buffer, n: number): Buffer {
  return data.subarray((n - 1) * P, n * P)
}

/** Some parts of these bytes, by their numbers. */
export function partsOf(data: Buffer, ...numbers: number[]): Record<number, Buffer> {
  return Object.fromEntries(numbers.map((n) => [n, partOf(data, n)]))
}
