import { playedStore } from './played/played-store.js'

/**
 * A bucket that encrypts every object with a KMS key, so that no ETag is made of MD5s:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
 */
export const kms = playedStore(
  {
    name: 'kms',
    title: 'MinIO with a KMS key for the bucket',
    limits: [],
  },
  { bucketEncryption: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: 'arn:aws:kms:test-key' } },
)
