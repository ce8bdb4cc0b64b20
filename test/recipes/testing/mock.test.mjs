import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { client, mockS3, s3 } from './mocked-s3.mjs'
import { storeReport } from './report.mjs'

const LARGE = Buffer.alloc(20 * 1024 * 1024, 'row\n')

beforeEach(mockS3)

test('a small report is one PutObject', async () => {
  await storeReport(client, ['first row\n', 'last row\n'])
  assert.equal(s3.calls().length, 1)
  const [{ args }] = s3.commandCalls(PutObjectCommand)
  assert.equal(args[0].input.Body.toString(), 'first row\nlast row\n')
})

test('a large report is stored in parts', async () => {
  const { ETag } = await storeReport(client, [LARGE])
  assert.equal(ETag, '"object"')
  const parts = s3.commandCalls(UploadPartCommand).map(({ args }) => args[0].input)
  parts.sort((a, b) => a.PartNumber - b.PartNumber)
  assert.ok(Buffer.concat(parts.map(({ Body }) => Body)).equals(LARGE))
  const [complete] = s3.commandCalls(CompleteMultipartUploadCommand)
  assert.equal(complete.args[0].input.MultipartUpload.Parts.length, 3)
})

test('a report whose second part fails is removed', async () => {
  s3.on(UploadPartCommand, { PartNumber: 2 }).rejects(new Error('No'))
  await assert.rejects(storeReport(client, [LARGE]), { code: 'ERR_S3_REQUEST', PartNumber: 2 })
  assert.equal(s3.commandCalls(AbortMultipartUploadCommand, { UploadId: 'upload' }).length, 1)
  assert.equal(s3.commandCalls(CompleteMultipartUploadCommand).length, 0)
})

test('a command without an answer fails the upload, and the error names it', async () => {
  s3.on(CreateMultipartUploadCommand).resolves(undefined)
  await assert.rejects(storeReport(client, [LARGE]), {
    operation: 'CreateMultipartUpload',
    message: /A mock client needs/,
  })
})

test('PutObject, UploadPart and CompleteMultipartUpload need an ETag', async () => {
  s3.on(PutObjectCommand).resolves({})
  await assert.rejects(storeReport(client, ['row\n']), /PutObject was answered without an ETag/)
  s3.on(CompleteMultipartUploadCommand).resolves({})
  await assert.rejects(storeReport(client, [LARGE]), /CompleteMultipartUpload was answered without an ETag/)
  s3.on(UploadPartCommand).resolves({})
  await assert.rejects(storeReport(client, [LARGE]), /ETag/)
})

test('without an answer to AbortMultipartUpload, the error has a cleanupError', async () => {
  s3.on(UploadPartCommand).rejects(new Error('No'))
  s3.on(AbortMultipartUploadCommand).resolves(undefined)
  await assert.rejects(storeReport(client, [LARGE]), ({ operation, cleanupError }) => {
    assert.equal(operation, 'UploadPart')
    assert.match(cleanupError.message, /parts of upload upload may be left/)
    return true
  })
})
