import { PassThrough } from 'node:stream'
import { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { client, mockS3, s3 } from './mocked-s3.mjs'
import { storeReport } from './report.mjs'

const LARGE = Buffer.alloc(9 * 1024 * 1024, 'row\n')

beforeEach(() => {
  mockS3()
  vi.useFakeTimers({ now: new Date('2026-02-03') })
})
afterEach(() => vi.useRealTimers())

test('a report is named after the day', async () => {
  const { Key } = await storeReport(client, [LARGE])
  expect(Key).toBe('2026-02-03.txt')
})

test('a report that takes more than a minute is given up', async () => {
  const failed = expect(storeReport(client, new PassThrough())).rejects.toThrow('more than a minute')
  await vi.advanceTimersByTimeAsync(60_000)
  await failed
  expect(s3.calls()).toHaveLength(0)
})

test('a request that stalls fails', async () => {
  const upload = s3Writable({ client, Bucket: 'reports', Key: 'k', stallTimeout: 10_000 })
  await new Promise((sent) => {
    s3.on(PutObjectCommand).callsFake(() => new Promise(() => sent()))
    upload.end('row\n')
  })
  const failed = expect(upload.done()).rejects.toMatchObject({ code: 'ERR_S3_STALLED' })
  await vi.advanceTimersByTimeAsync(16_000)
  await failed
})

test('a failed part needs no advance of the clock', async () => {
  s3.on(UploadPartCommand).rejects(new Error('No'))
  await expect(storeReport(client, [LARGE])).rejects.toMatchObject({ operation: 'UploadPart' })
})

test('AbortSignal.timeout keeps to real time', async () => {
  const signal = AbortSignal.timeout(60_000)
  await vi.advanceTimersByTimeAsync(120_000)
  expect(signal.aborted).toBe(false)
})
