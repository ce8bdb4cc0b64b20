import t from 'tap'
import { concurrencyWithin } from '../../lib/cli/memory.js'
import { parseConcurrency } from '../../lib/cli/parse.js'
import { checkOptions } from '../../lib/options/check.js'
import { bytes, MiB } from '../support/bytes.js'
import { cli } from '../support/cli.js'
import { makeBucket, stored } from '../support/store.js'

const GiB = 1024 * MiB
const AUTO = { min: 4, max: 16 }

/** The stream's bound of its part buffers with the same options. */
function memoryOf(options: Parameters<typeof concurrencyWithin>[0]): number {
  const { partSize, expectedSize, contentLength: ContentLength, maxParts } = options
  const client = { send: async () => ({}), config: {} }
  const sizes = { partSize, expectedSize, ContentLength, maxParts }
  const own = { client, Bucket: 'b', Key: 'k', concurrency: concurrencyWithin(options) }
  const { sizeOfPart, concurrency } = checkOptions({ ...own, ...sizes })
  return sizeOfPart(1) * (concurrency.max + 1)
}

t.test('without options, the concurrency is auto', (t) => {
  t.equal(concurrencyWithin({}), 'auto')
  t.equal(concurrencyWithin({ concurrency: 'auto' }), 'auto')
  t.equal(concurrencyWithin({ concurrency: 3 }), 3)
  t.same([parseConcurrency('auto'), parseConcurrency('12')], ['auto', 12])
  for (const text of ['', 'Auto', '4.5', '-1', '4-16', '1e3']) {
    t.throws(() => parseConcurrency(text), { message: 'Expected a whole number, or auto.' }, text)
  }
  t.end()
})

t.test('--max-memory chooses the largest number of parts that fit', (t) => {
  for (const [maxMemory, min, max] of [
    [16 * MiB, 1, 1],
    [24 * MiB - 1, 1, 1],
    [24 * MiB, 2, 2],
    [40 * MiB, AUTO.min, 4],
    [136 * MiB, AUTO.min, AUTO.max],
    [2 * GiB, AUTO.min, 255],
  ] as const) {
    t.same(concurrencyWithin({ maxMemory }), { min, max }, `${maxMemory}`)
    t.same(concurrencyWithin({ maxMemory, concurrency: 'auto' }), { min, max })
  }
  t.same(concurrencyWithin({ maxMemory: 40 * MiB, partSize: 5 * MiB }), { min: 4, max: 7 })
  t.equal(concurrencyWithin({ maxMemory: 40 * MiB, concurrency: 4 }), 4, 'a number that fits is kept')
  t.end()
})

t.test('the buffers of the stream fit into --max-memory, also where a known size raises the size of a part', (t) => {
  const sizes = [undefined, 1, 78 * GiB, 80_000 * MiB, 80_000 * MiB + 1, 100 * GiB, 1024 * GiB]
  for (const size of sizes) {
    for (const maxMemory of [256 * MiB, 300 * MiB, 1000 * MiB]) {
      for (const partSize of [undefined, 5 * MiB, 5 * MiB + 1, 64 * MiB]) {
        for (const more of [{ expectedSize: size }, { contentLength: size }, { expectedSize: size, maxParts: 9000 }]) {
          const options = { maxMemory, partSize, ...more }
          t.ok(memoryOf(options) <= maxMemory, JSON.stringify(options))
        }
      }
    }
  }
  t.end()
})

t.test('a --max-memory that cannot be kept is wrong usage, and nothing is sent', async (t) => {
  for (const [args, message] of [
    [
      ['--max-memory', '15MiB'],
      'an upload needs 16MiB: two parts of 8MiB, one of which is filled while the other is sent. Raise --max-memory, or lower --part-size, which must be at least 5MiB.',
    ],
    [['--max-memory', '0'], 'an upload needs 16MiB'],
    [['--max-memory', '100MiB', '--part-size', '64MiB'], 'an upload needs 128MiB'],
    [
      ['--max-memory', '100MiB', '--expected-size', '1TiB'],
      'an upload needs 210MiB: two parts of 105MiB (the size that --expected-size requires), one of which is filled while the other is sent. Raise --max-memory.',
    ],
    [['--max-memory', '100MiB', '--content-length', '1TiB'], '(the size that --content-length requires)'],
    [['--max-memory', '11MiB', '--content-length', '20MiB', '--max-parts', '2'], 'two parts of 10MiB (the size'],
    [
      ['--max-memory', '39MiB', '--concurrency', '4'],
      '--concurrency 4 needs 40MiB: 5 parts of 8MiB, one of which is filled while the others are sent. Raise --max-memory, or lower --concurrency or leave it out.',
    ],
  ] as const) {
    const { code, stderr } = await cli(['s3://bucket/key', ...args], { input: 'x', at: 'http://127.0.0.1:1' })
    t.equal(code, 2, stderr)
    t.match(stderr, `--max-memory is ${args[1].replace(/^0$/, '0 bytes')}, but `)
    t.match(stderr, message)
  }
  const resumed = ['--resume', '--max-memory', '9MiB', '--json']
  const { code, stdout } = await cli(['s3://bucket/key', ...resumed], { at: 'http://127.0.0.1:1' })
  t.match([code, JSON.parse(stdout)], [2, { error: { code: 'ERR_USAGE', exitCode: 2 } }])
  const huge = await cli(['s3://bucket/key', '--max-memory', '9'.repeat(20).concat('TiB')], { input: 'x' })
  t.match(huge, { code: 2, stderr: /--max-memory divided by the size of a part must be a whole number/ })
  const none = await cli(['s3://bucket/key', '--max-parts', '0', '--max-memory', '1GiB'], { input: 'x' })
  t.match(none, { code: 2, stderr: /--max-parts must be a whole number from 1 to 10000/ })
})

t.test('an upload within --max-memory, and one with --concurrency auto, are complete', async (t) => {
  const Bucket = await makeBucket(t)
  const input = bytes(23 * MiB)
  for (const option of [
    ['--max-memory', '16MiB'],
    ['--concurrency', 'auto'],
  ]) {
    const { code, stderr } = await cli([`s3://${Bucket}/k`, ...option], { input })
    t.equal(code, 0, stderr)
    t.match(await stored(Bucket, 'k'), { size: input.length })
  }
})
