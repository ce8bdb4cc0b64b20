/** The S3 operation of a request, such as `UploadPart`. */
export function operationOf(method: string, pathname: string, query: URLSearchParams): string {
  const onKey = pathname.split('/').filter(Boolean).length > 1
  if (query.has('uploads')) return method === 'POST' ? 'CreateMultipartUpload' : 'ListMultipartUploads'
  if (query.has('uploadId')) {
    const names: Record<string, string> = {
      PUT: 'UploadPart',
      POST: 'CompleteMultipartUpload',
      DELETE: 'AbortMultipartUpload',
      GET: 'ListParts',
    }
    return names[method] ?? method
  }
  const names: Record<string, string> = {
    PUT: 'PutObject',
    HEAD: 'HeadObject',
    GET: 'GetObject',
    DELETE: 'DeleteObject',
  }
  return onKey ? (names[method] ?? method) : `${method} bucket`
}
