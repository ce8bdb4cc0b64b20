import fc from 'fast-check'
import { KiB, MiB, P } from '../support/bytes.js'

const OPERATIONS = ['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload', 'PutObject'] as const

const error = (Code: string): string => `<Error><Code>${Code}</Code><Message>By the fuzz</Message></Error>`

/** A fault of a request, as data, so that a plan can be printed. */
const trouble = fc.oneof(
  fc.constantFrom(
    { do: 'answer', status: 403, body: error('AccessDenied') } as const,
    { do: 'answer', status: 403, body: error('AccessDenied'), early: true } as const,
    { do: 'answer', status: 500, body: error('InternalError') } as const,
    { do: 'answer', status: 503, body: error('SlowDown') } as const,
    { do: 'answer', status: 200, body: '' } as const,
    { do: 'answer', status: 200, body: `  ${error('InternalError')}` } as const,
    { do: 'swallow' } as const,
    { do: 'ignore' } as const,
    { do: 'drop answer' } as const,
    { do: 'cut answer' } as const,
    { do: 'swallow answer' } as const,
    { do: 'set header', header: 'etag' } as const,
  ),
  fc.record({ do: fc.constant('reset' as const), after: fc.nat(2 * MiB) }),
  fc.record({ do: fc.constant('hold' as const), ms: fc.nat(200) }),
  fc.record({ do: fc.constant('pass on late' as const), ms: fc.nat(200) }),
  fc.record({ do: fc.constant('throttle' as const), bytesPerSecond: fc.integer({ min: 8 * MiB, max: 64 * MiB }) }),
)

const onWhatMakes = fc.record({
  operation: fc.constantFrom(...OPERATIONS),
  PartNumber: fc.integer({ min: 1, max: 4 }),
  /** How often the fault happens: once, twice, or in every attempt. */
  times: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
  trouble,
})

/** Faults of the clean-up happen once. A fault in every attempt leaves the upload, which has its own test. */
const onWhatRemoves = fc.record({
  operation: fc.constantFrom('AbortMultipartUpload' as const, 'ListParts' as const, 'HeadObject' as const),
  PartNumber: fc.constant(0),
  times: fc.constant(1),
  trouble: trouble.filter((one) => !('status' in one && (one.status === 403 || one.status === 200))),
})

const fault = fc
  .oneof({ weight: 5, arbitrary: onWhatMakes }, { weight: 1, arbitrary: onWhatRemoves })
  .filter((one) => !prevents(one.operation, one.trouble.do))

/** Whether the fault itself leaves something behind that the stream cannot know of. */
function prevents(operation: string, fault: string): boolean {
  // An upload whose UploadId was lost with the answer.
  if (operation === 'CreateMultipartUpload') return /answer$|late/.test(fault) && fault !== 'answer'
  // An object that S3 makes of a request that was cancelled.
  return operation === 'PutObject' && fault === 'pass on late'
}

const end = fc.oneof(
  { weight: 5, arbitrary: fc.record({ how: fc.constant('end' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      how: fc.constantFrom('destroy' as const, 'destroy with error' as const, 'signal' as const),
      when: fc.oneof(
        fc.record({ ms: fc.nat(150) }),
        fc.record({ requests: fc.integer({ min: 1, max: 8 }) }),
        fc.record({ beforeComplete: fc.constant(true as const) }),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      how: fc.constant('killed and resumed' as const),
      when: fc.oneof(fc.record({ ms: fc.nat(150) }), fc.record({ requests: fc.integer({ min: 1, max: 8 }) })),
      from: fc.constantFrom('start' as const, 'point' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      how: fc.constant('source fails' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
)

const all = fc.record({
  size: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(0, 1, P, P + 1, 2 * P) },
    { weight: 2, arbitrary: fc.nat(512 * KiB) },
    { weight: 2, arbitrary: fc.nat(P) },
    { weight: 4, arbitrary: fc.integer({ min: P, max: 2 * P }) },
    { weight: 2, arbitrary: fc.integer({ min: 2 * P, max: 4 * P }) },
  ),
  /** The sizes of the writes, in bytes, used in turn. */
  writes: fc.array(fc.oneof(fc.integer({ min: 1 * KiB, max: 64 * KiB }), fc.integer({ min: 64 * KiB, max: 8 * MiB })), {
    minLength: 1,
    maxLength: 4,
  }),
  partSize: fc.oneof(fc.constant(P), fc.integer({ min: P, max: 6 * MiB })),
  concurrency: fc.integer({ min: 1, max: 4 }),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  old: fc.constantFrom(false, false, true),
  condition: fc.constantFrom(false, false, false, true),
  faults: fc.array(fault, { maxLength: 3 }),
  end,
})

// A Create that the proxy holds back reaches S3 after the kill, and its UploadId is lost.
const plan = all.filter(
  ({ end, faults }) =>
    end.how !== 'killed and resumed' || faults.every(({ operation }) => operation !== 'CreateMultipartUpload'),
)

export type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never

/** Makes the plan of a seed, always the same one. */
export function planOf(seed: number): Plan {
  return fc.sample(plan, { seed, numRuns: 1 })[0] as Plan
}
