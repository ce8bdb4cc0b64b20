import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { type S3WritableOptions, s3Writable } from '../../../lib/index.js'
import { checkOptions } from '../../../lib/options/check.js'

const client = new S3Client({ region: 'us-east-1' })
const withConcurrency = (concurrency: unknown): S3WritableOptions =>
  ({ client, Bucket: 'bucket', Key: 'key', concurrency }) as S3WritableOptions

t.test('the bounds are the number itself, or 4 and 16 where they are left out', async (t) => {
  for (const [concurrency, bounds] of [
    [7, { min: 7, max: 7 }],
    ['auto', { min: 4, max: 16 }],
    [{}, { min: 4, max: 16 }],
    [{ min: 2 }, { min: 2, max: 16 }],
    [{ min: 32 }, { min: 32, max: 32 }],
    [{ max: 3 }, { min: 3, max: 3 }],
    [
      { min: null, max: 64 },
      { min: 4, max: 64 },
    ],
  ] as const) {
    t.same(checkOptions(withConcurrency(concurrency)).concurrency, bounds, JSON.stringify(concurrency))
  }
})

t.test('wrong bounds throw immediately, with what was expected and what was received', async (t) => {
  const all = "a whole number, 'auto', or an object with the whole numbers min and max"
  for (const [concurrency, code, message] of [
    ['many', 'ERR_INVALID_ARG_TYPE', `The "concurrency" option must be ${all}. Received type string ('many')`],
    [[4, 16], 'ERR_INVALID_ARG_TYPE', `The "concurrency" option must be ${all}. Received an instance of Array`],
    [
      { maximum: 16 },
      'ERR_INVALID_ARG_VALUE',
      'The "concurrency.maximum" option must be left out: the bounds are min and max. Received type number',
    ],
    [
      { min: 0 },
      'ERR_OUT_OF_RANGE',
      'The "concurrency.min" option must be a whole number, 1 or more. Received type number (0)',
    ],
    [
      { max: '16' },
      'ERR_INVALID_ARG_TYPE',
      `The "concurrency.max" option must be a whole number, 1 or more. Received type string ('16')`,
    ],
    [
      { min: 8, max: 7 },
      'ERR_OUT_OF_RANGE',
      'The "concurrency.max" option must be a whole number, 8 or more. Received type number (7)',
    ],
  ] as const) {
    t.throws(() => s3Writable(withConcurrency(concurrency)), { code, message }, JSON.stringify(concurrency))
  }
})
