import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { AbortMultipartUploadCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import sinon from 'sinon'
import { client, mockS3, s3 } from './mocked-s3.mjs'
import { storeReport } from './report.mjs'

const LARGE = Buffer.alloc(9 * 1024 * 1024, 'row\n')
let clock

beforeEach(() => {
  mockS3()
  clock = sinon.useFakeTimers({ now: new Date('2026-02-03'), toNotFake: ['nextTick', 'queueMicrotask'] })
})
afterEach(() => clock.restore())

test('a report is named after the day', async () => {
  const { Key } = await storeReport(client, [LARGE])
  assert.equal(Key, '2026-02-03.txt')
})

test('a report that takes more than a minute is given up', async () => {
  const failed = assert.rejects(storeReport(client, new PassThrough()), /more than a minute/)
  await clock.tickAsync(60_000)
  await failed
  assert.equal(s3.calls().length, 0)
})

test('a request that stalls fails', async () => {
  const upload = s3Writable({ client, Bucket: 'reports', Key: 'k', stallTimeout: 10_000 })
  await new Promise((sent) => {
    s3.on(PutObjectCommand).callsFake(() => new Promise(() => sent()))
    upload.end('row\n')
  })
  const failed = assert.rejects(upload.done(), { code: 'ERR_S3_STALLED' })
  await clock.tickAsync(16_000)
  await failed
})

test('parts that stall at the same time fail together', async () => {
  const upload = s3Writable({ client, Bucket: 'reports', Key: 'k', stallTimeout: 10_000 })
  await new Promise((sent) => {
    s3.on(UploadPartCommand).callsFake(({ PartNumber }) => new Promise(() => PartNumber === 2 && sent()))
    upload.end(LARGE)
  })
  const failed = assert.rejects(upload.done(), { code: 'ERR_S3_STALLED' })
  await clock.tickAsync(16_000)
  await failed
  assert.equal(s3.commandCalls(AbortMultipartUploadCommand).length, 1)
})

test('a failed part needs no advance of the clock', async () => {
  s3.on(UploadPartCommand).rejects(new Error('No'))
  await assert.rejects(storeReport(client, [LARGE]), { operation: 'UploadPart' })
})

test('AbortSignal.timeout keeps to real time', async () => {
  const signal = AbortSignal.timeout(60_000)
  await clock.tickAsync(120_000)
  assert.equal(signal.aborted, false)
})

test('if performance is not faked, no time passes for stallTimeout', async () => {
  clock.restore()
  clock = sinon.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
  const upload = s3Writable({ client, Bucket: 'reports', Key: 'k', stallTimeout: 10_000 })
  const answer = await new Promise((sent) => {
    s3.on(PutObjectCommand).callsFake(() => new Promise((answer) => sent(answer)))
    upload.end('row\n')
  })
  await clock.tickAsync(60_000)
  answer({ ETag: '"object"' })
  assert.equal((await upload.done()).ETag, '"object"')
})

for (const name of ['nextTick', 'queueMicrotask']) {
  test(`if ${name} is faked, an upload does not end by itself`, async () => {
    clock.restore()
    clock = sinon.useFakeTimers({ toFake: [name] })
    let ended = false
    const report = storeReport(client, [LARGE]).then(() => {
      ended = true
    })
    for (let turns = 0; turns < 1000; turns++) await turn()
    const endedByItself = ended
    for (; !ended; await turn()) clock.runMicrotasks()
    // The test runner needs both too.
    clock.restore()
    await report
    assert.equal(endedByItself, false)
  })
}
