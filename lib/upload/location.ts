/**
 * The URL of the object: the `Location` that S3 answered to Complete, or else `url`, to which the object was sent. Ceph and
 * S3Proxy answer with the key as it is; S3 percent-encodes it, and so does this function then. rclone's is empty.
 *
 * No encoded `Location` ends with a key that needs encoding, so none is encoded twice.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html#API_CompleteMultipartUpload_ResponseSyntax
 */
export function locationOf(answered: string | undefined, url: string, Key: string): string {
  if (answered === undefined || answered === '') return url
  const tail = `/${Key}`
  if (!answered.endsWith(tail)) return answered
  return answered.slice(0, -tail.length) + tail.split('/').map(encodeURIComponent).join('/')
}
