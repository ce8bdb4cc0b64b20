import t from 'tap'
import { checkOptions } from '../../../lib/options/check.js'
import { declaredChecksums, fullObjectAlgorithm, needsEveryByte } from '../../../lib/options/checksums.js'
import { isCreateOnly } from '../../../lib/options/parameters.js'

t.test('a checksum of the full object is distinguished from parameters with similar names', async (t) => {
  t.equal(fullObjectAlgorithm('ChecksumSHA256'), 'SHA256')
  t.equal(fullObjectAlgorithm('ChecksumAlgorithm'), undefined)
  t.equal(fullObjectAlgorithm('ChecksumType'), undefined)
  t.equal(fullObjectAlgorithm('ContentMD5'), undefined)
})

t.test('a parameter is known to belong to Create only, or to need every byte of the object', async (t) => {
  const neither = { createOnly: false, everyByte: false }
  const createOnly = { createOnly: true, everyByte: false }
  const everyByte = { createOnly: false, everyByte: true }
  const expected = {
    ACL: createOnly,
    ContentType: createOnly,
    ChecksumAlgorithm: createOnly,
    ChecksumType: createOnly,
    SomethingNew: createOnly,
    Key: neither,
    IfMatch: neither,
    SSECustomerKey: neither,
    ContentLength: neither,
    partSize: neither,
    ChecksumCRC32: neither,
    ChecksumCRC64NVME: neither,
    ContentMD5: everyByte,
    ChecksumSHA1: everyByte,
    ChecksumSHA256: everyByte,
  }
  for (const [name, rules] of Object.entries(expected)) {
    t.same({ createOnly: isCreateOnly(name), everyByte: needsEveryByte(name) }, rules, name)
  }
})

t.test('an upload declares what the caller asks for, otherwise what the client is configured for', async (t) => {
  const table: [options: object, setting: unknown, declared: object][] = [
    [{}, 'WHEN_SUPPORTED', { ChecksumAlgorithm: 'CRC32' }],
    [{}, async () => 'WHEN_SUPPORTED', { ChecksumAlgorithm: 'CRC32' }],
    [{}, 'WHEN_REQUIRED', {}],
    [{}, undefined, {}],
    [{ ChecksumAlgorithm: 'SHA256' }, 'WHEN_REQUIRED', { ChecksumAlgorithm: 'SHA256' }],
    [{ ChecksumSHA1: 'x' }, 'WHEN_SUPPORTED', { ChecksumAlgorithm: 'SHA1' }],
    [{ ChecksumType: 'FULL_OBJECT' }, 'WHEN_REQUIRED', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' }],
    [{ ChecksumCRC64NVME: 'x' }, 'WHEN_REQUIRED', { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'FULL_OBJECT' }],
  ]
  for (const [options, requestChecksumCalculation, declared] of table) {
    const client = { config: { requestChecksumCalculation }, send: async () => ({}) }
    const checked = checkOptions({ client, Bucket: 'bucket', Key: 'key', ...options })
    t.same(await declaredChecksums(checked), declared, JSON.stringify([options, declared]))
  }
})
