/**
 * The S3 of the demo: the one at S3_ENDPOINT, with the usual AWS_* variables, or else s3rver in this process, which
 * keeps its objects in a temporary folder. s3rver has no AbortMultipartUpload, ListParts and ListMultipartUploads, so
 * they are added here, on the files that s3rver writes. They answer one page, with what the demo needs.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import S3rver, { type Context } from 's3rver'

export interface DemoServer {
  name: string
  /** The environment variables from which the SDK and the command read where the server is. */
  env: Record<string, string>
  stop: () => Promise<void>
}

export async function findDemoServer(): Promise<DemoServer> {
  const { S3_ENDPOINT, AWS_REGION = 'us-east-1' } = process.env
  if (S3_ENDPOINT)
    return { name: S3_ENDPOINT, env: { AWS_ENDPOINT_URL: S3_ENDPOINT, AWS_REGION }, stop: async () => {} }
  const directory = await mkdtemp(join(tmpdir(), 's3-writable-demo-'))
  const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory })
  server.middleware.unshift(async (context, next) => {
    if (!(await answer(context, directory))) await next()
  })
  const { port } = await server.run()
  const AWS_ENDPOINT_URL = `http://127.0.0.1:${port}`
  return {
    name: 's3rver, which this demo has started',
    env: { AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' },
    stop: async () => {
      await server.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Answers the operations that s3rver lacks. Returns false for every other request. */
async function answer(context: Context, directory: string): Promise<boolean> {
  const { method, path, query } = context
  const [Bucket = '', ...key] = path.slice(1).split('/').map(decodeURIComponent)
  const uploads = join(directory, Bucket, '._S3rver_uploads')
  if (method === 'GET' && 'uploads' in query) {
    const listed = (await allUploads(uploads)).filter(({ Key }) => Key.startsWith(query.prefix ?? ''))
    reply(context, 200, 'ListMultipartUploadsResult', listed.map((upload) => element('Upload', upload)).join(''))
    return true
  }
  if (!('uploadId' in query) || (method !== 'GET' && method !== 'DELETE')) return false
  const folder = join(uploads, String(query.uploadId))
  if (!existsSync(join(folder, 'key'))) {
    const Message = 'The specified upload does not exist.'
    reply(context, 404, 'Error', `<Code>NoSuchUpload</Code><Message>${Message}</Message>`)
  } else if (method === 'GET') {
    const listed = (await storedParts(folder)).map((part) => element('Part', part))
    reply(context, 200, 'ListPartsResult', `${element('Key', key.join('/'))}${listed.join('')}`)
  } else {
    await rm(folder, { recursive: true })
    context.status = 204
  }
  return true
}

async function allUploads(uploads: string): Promise<{ Key: string; UploadId: string; Initiated: string }[]> {
  const ids = existsSync(uploads) ? await readdir(uploads) : []
  return await Promise.all(
    ids.map(async (UploadId) => {
      const key = join(uploads, UploadId, 'key')
      return { Key: await readFile(key, 'utf8'), UploadId, Initiated: (await stat(key)).mtime.toISOString() }
    }),
  )
}

/** The parts that are complete: s3rver writes the MD5 of a part after its last byte. */
async function storedParts(folder: string): Promise<{ PartNumber: number; ETag: string; Size: number }[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.md5')).map((name) => name.slice(0, -4))
  const numbers = names.map(Number).sort((a, b) => a - b)
  return await Promise.all(
    numbers.map(async (PartNumber) => {
      const file = join(folder, String(PartNumber))
      const md5 = await readFile(`${file}.md5`, 'utf8')
      return { PartNumber, ETag: `"${md5}"`, Size: (await stat(file)).size }
    }),
  )
}

function reply(context: Context, status: number, name: string, content: string): void {
  context.status = status
  context.type = 'application/xml'
  context.body = `<?xml version="1.0" encoding="UTF-8"?>\n<${name}>${content}</${name}>`
}

function element(name: string, value: unknown): string {
  if (typeof value !== 'object') return `<${name}>${String(value).replaceAll(/[&<>]/g, toReference)}</${name}>`
  const fields = Object.entries(Object(value)).map(([field, one]) => element(field, one))
  return `<${name}>${fields.join('')}</${name}>`
}

function toReference(character: string): string {
  return `&#${character.charCodeAt(0)};`
}
