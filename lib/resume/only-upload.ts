import type { CheckedOptions, S3ClientLike } from '../options/types.js'
import { type UnfinishedUpload, uploadsUnder } from '../requests/list.js'
import type { Requests } from '../requests/requests.js'
import { orLimit } from '../requests/retry.js'

/**
 * The only unfinished upload of the key that may belong to this account; undefined if there is none.
 *
 * @throws S3WritableError `ERR_S3_RESUME` if there are several.
 */
export async function onlyUploadOfKey(
  options: CheckedOptions,
  requests: Requests,
  signal: AbortSignal,
): Promise<UnfinishedUpload | undefined> {
  const uploads: UnfinishedUpload[] = []
  for await (const upload of uploadsUnder(requests, options.Key, () => signal)) {
    if (upload.Key === options.Key) uploads.push(upload)
  }
  const foreign = await Promise.all(
    uploads.map((upload) => orLimit(signal, belongsToAnotherAccount(upload, options.client))),
  )
  const [first, ...others] = uploads.filter((_, index) => !foreign[index])
  if (others.length === 0) return first
  const list = [first as UnfinishedUpload, ...others]
    .sort((a, b) => Number(b.Initiated) - Number(a.Initiated))
    .map(({ UploadId, Initiated }) => `${UploadId} (begun ${Initiated?.toISOString() ?? 'at an unknown time'})`)
  const why = `there are ${list.length} unfinished uploads of this key. Name one by its UploadId: ${list.join(', ')}`
  throw requests.error('ERR_S3_RESUME', why)
}

/**
 * Whether another account created the upload, as far as it is known: AWS identifies an IAM user or role by an ARN, which
 * contains the account. https://docs.aws.amazon.com/AmazonS3/latest/API/API_Initiator.html
 */
async function belongsToAnotherAccount({ Initiator }: UnfinishedUpload, { config }: S3ClientLike): Promise<boolean> {
  const account = /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(Initiator?.ID ?? '')?.[1]
  if (account === undefined) return false
  const { credentials } = config as { credentials?: () => Promise<{ accountId?: string }> }
  const { accountId = account } = (await credentials?.()) ?? {}
  return accountId !== account
}
