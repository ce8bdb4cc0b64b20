import type { ListMultipartUploadsCommandOutput, ListPartsCommandOutput, MultipartUpload } from '@aws-sdk/client-s3'
import type { Params } from '../options/parameters.js'
import type { Requests } from './requests.js'

/** An upload that was begun, and neither completed nor aborted: what is stored of it costs money. */
export interface UnfinishedUpload extends MultipartUpload {
  Key: string
  UploadId: string
}

/** Where the next page begins: S3's own markers. */
type Markers = Record<string, string | undefined>

/**
 * All the pages of a listing, one after the other. A page that promises more must say where that begins: one without a
 * marker is the last, and one whose marker has been there before would come again without end, as Swift's does.
 */
async function* pages<Page>(
  requests: Requests,
  operation: string,
  ask: (markers: Params) => Promise<Page>,
  markersIn: (page: Page) => Markers | undefined,
): AsyncGenerator<Page, void, undefined> {
  const been = new Set(['{}'])
  let markers: Markers | undefined = {}
  while (markers !== undefined) {
    const page: Page = await ask(markers)
    yield page
    markers = markersIn(page)
    const place = JSON.stringify(markers, (_, value) => value || undefined)
    if (markers !== undefined && been.size === been.add(place).size) {
      const why = `this store lists without end: a page of ${operation} says that more follow after ${place}, where it has been already`
      throw requests.error('ERR_S3_REQUEST', why, { operation })
    }
  }
}

/**
 * The pages of the parts of an upload. `signal` is asked for one for each page.
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
 * The unfinished uploads whose keys begin with `Prefix`. `signal` is asked for one for each page.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 */
export async function* uploadsUnder(
  requests: Requests,
  Prefix: string,
  signal: () => AbortSignal,
): AsyncGenerator<UnfinishedUpload, void, undefined> {
  const all = pages(
    requests,
    'ListMultipartUploads',
    (markers) => requests.listUploads(Prefix, signal(), markers),
    ({ IsTruncated, NextKeyMarker, NextUploadIdMarker: UploadIdMarker, EncodingType }) =>
      IsTruncated === true && NextKeyMarker !== undefined
        ? { KeyMarker: decoded(NextKeyMarker, EncodingType), UploadIdMarker }
        : undefined,
  )
  for await (const { Uploads = [], EncodingType } of all) {
    for (const { Key, UploadId, ...more } of Uploads) {
      if (Key === undefined || UploadId === undefined) continue
      const upload = { ...more, Key: decoded(Key, EncodingType), UploadId }
      if (upload.Key.startsWith(Prefix)) yield upload
    }
  }
}

/** A key as it is; a store that does not know the encoding does not name it in its answer. */
function decoded(key: string, encoding: ListMultipartUploadsCommandOutput['EncodingType']): string {
  if (encoding !== 'url') return key
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch {
    return key
  }
}
