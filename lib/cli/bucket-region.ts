import type { S3Client } from '@aws-sdk/client-s3'

/** What S3 answers if a request went to another region than the bucket's. */
const WRONG_REGION = [
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]

/** The fields of the SDK's exception that may have the bucket's region. */
interface RegionError {
  name: string
  message: string
  /** The region that AuthorizationHeaderMalformed expects. */
  Region?: unknown
  /** The host name that PermanentRedirect names, such as `videos.s3.eu-west-1.amazonaws.com`. */
  Endpoint?: unknown
  $response?: { headers?: Record<string, string> }
}

/**
 * Appends the bucket's region to the message of an error that says that the region is wrong. It is done for the client,
 * because the errors of the library have only the message of S3's answer and none of its headers. The request is not
 * sent again: the SDK's `followRegionRedirects` would send every request twice, and changes the client's region meanwhile.
 */
export function nameBucketRegion(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args)
      } catch (error) {
        const exception = Object(error) as RegionError
        const region = WRONG_REGION.includes(exception.name) ? findRegion(exception) : undefined
        if (region !== undefined) exception.message = `${exception.message} The bucket is in ${region}.`
        throw error
      }
    },
    { step: 'initialize', name: 's3WritableBucketRegion' },
  )
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html */
function findRegion({ $response, Region, Endpoint }: RegionError): string | undefined {
  const [, fromHost] = /\bs3[.-]([a-z]+(?:-[a-z]+)+-\d+)\.amazonaws\./.exec(String(Endpoint)) ?? []
  const region = $response?.headers?.['x-amz-bucket-region'] ?? Region ?? fromHost
  return typeof region === 'string' && /^[\w-]+$/.test(region) ? region : undefined
}
