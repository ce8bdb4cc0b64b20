import type { ListMultipartUploadsCommandOutput, ListPartsCommandOutput, MultipartUpload } from '@aws-sdk/client-s3'
import { isDirectoryBucket } from '../checksums/etag.js'
import type { Params } from '../options/types.js'
import type { Requests } from './requests.js'

/** A multipart upload that was created and neither completed nor aborted. Its stored parts cost money. */
export interface UnfinishedUpload extends MultipartUpload {
  /** The key of the object that the upload would become. */
  Key: string
  /** The id that S3 gave the upload. */
  UploadId: string
}

/** The parameters that name the place where a page begins, such as `KeyMarker`. Empty for the first page. */
type Markers = Record<string, string | undefined>

/**
 * All pages of a listing in their order. `nextMarkers` returns where the next page begins; undefined after the last
 * one, or if the page does not say it.
 *
 * @throws S3WritableError if a page begins where an earlier one did: the listing would never end. OpenStack Swift does
 * that.
 */
async function* pages<Page>(
  requests: Requests,
  operation: string,
  fetchPage: (markers: Params) => Promise<Page>,
  nextMarkers: (page: Page) => Markers | undefined,
): AsyncGenerator<Page, void, undefined> {
  const seen = new Set(['{}'])
  let markers: Markers | undefined = {}
  while (markers !== undefined) {
    const page: Page = await fetchPage(markers)
    yield page
    markers = nextMarkers(page)
    // Without empty markers, which mean the first page, as no markers do.
    const position = JSON.stringify(markers, (_, value) => value || undefined)
    if (markers !== undefined && seen.has(position)) {
      const why = `the listing would never end: a page of ${operation} says that the next one begins at ${position}, where an earlier page began. This is a fault of the store`
      throw requests.error('ERR_S3_REQUEST', why, { operation })
    }
    seen.add(position)
  }
}

/**
 * The pages of ListParts. `signal` is called for each page, so that each can have its own time limit.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
 */
export function pagesOfParts(
  requests: Requests,
  UploadId: string,
  signal: () => AbortSignal,
): AsyncGenerator<ListPartsCommandOutput, void, undefined> {
  return pages(
    requests,
    'ListParts',
    (markers) => requests.listParts(UploadId, signal(), markers),
    ({ IsTruncated, NextPartNumberMarker: PartNumberMarker }) =>
      IsTruncated === true && PartNumberMarker !== undefined ? { PartNumberMarker } : undefined,
  )
}

/**
 * The unfinished uploads whose keys begin with `Prefix`. `signal` is called for each page.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 */
export async function* uploadsUnder(
  requests: Requests,
  Prefix: string,
  signal: () => AbortSignal,
): AsyncGenerator<UnfinishedUpload, void, undefined> {
  // A directory bucket accepts only a prefix that ends in a slash, and the keys are compared below.
  const listed = isDirectoryBucket(requests.target.Bucket) ? Prefix.slice(0, Prefix.lastIndexOf('/') + 1) : Prefix
  const listing = pages(
    requests,
    'ListMultipartUploads',
    (markers) => requests.listUploads(listed, signal(), markers),
    ({ IsTruncated, NextKeyMarker, NextUploadIdMarker: UploadIdMarker, EncodingType }) =>
      IsTruncated === true && NextKeyMarker !== undefined
        ? { KeyMarker: decoded(NextKeyMarker, EncodingType), UploadIdMarker }
        : undefined,
  )
  for await (const { Uploads = [], EncodingType } of emptyIfNoSuchUpload(listing)) {
    for (const { Key, UploadId, ...rest } of Uploads) {
      if (Key === undefined || UploadId === undefined) continue
      const upload = { ...rest, Key: decoded(Key, EncodingType), UploadId }
      if (upload.Key.startsWith(Prefix)) yield upload
    }
  }
}

/** The pages, or none where the store answers that there is no such upload: rclone does, until the bucket had one. */
async function* emptyIfNoSuchUpload<Page>(pages: AsyncIterable<Page>): AsyncGenerator<Page, void, undefined> {
  try {
    yield* pages
  } catch (error) {
    if ((error as Error).name !== 'NoSuchUpload') throw error
  }
}

/** The key, decoded if the answer says that it is encoded: some stores ignore the requested encoding. */
function decoded(key: string, encoding: ListMultipartUploadsCommandOutput['EncodingType']): string {
  if (encoding !== 'url') return key
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch {
    return key
  }
}
