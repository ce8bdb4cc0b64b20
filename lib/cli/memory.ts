import type { Concurrency } from '../index.js'
import { Failure } from './failure.js'
import { exactSize } from './option-errors.js'
import type { UploadCommandOptions } from './put-options.js'

const MiB = 2 ** 20
/** The stream's defaults. */
const DEFAULT_PART_SIZE = 8 * MiB
const DEFAULT_MAX_PARTS = 10_000
const DEFAULT_MIN = 4

type Name = 'partSize' | 'concurrency' | 'maxMemory' | 'expectedSize' | 'contentLength' | 'maxParts'
type MemoryOptions = { [N in Name]?: UploadCommandOptions[N] | undefined }

/**
 * The stream's `concurrency` with which its part buffers, `partSize × (concurrency + 1)`, fit into `--max-memory`.
 *
 * @throws Failure if not even two parts fit, or the number of `--concurrency` does not.
 */
export function concurrencyWithin(options: MemoryOptions): Concurrency {
  const { concurrency = 'auto', maxMemory } = options
  if (maxMemory === undefined) return concurrency
  const partSize = partSizeOf(options)
  const parts = partSize === (options.partSize ?? DEFAULT_PART_SIZE) ? '' : raisedBy(options)
  const given = `--max-memory is ${exactSize(maxMemory)}, but`
  if (concurrency !== 'auto') {
    const needed = partSize * (concurrency + 1)
    if (needed <= maxMemory) return concurrency
    const why = `--concurrency ${concurrency} needs ${exactSize(needed)}: ${concurrency + 1} parts of ${exactSize(partSize)}${parts}, one of which is filled while the others are sent`
    throw new Failure(2, `${given} ${why}. Raise --max-memory, or lower --concurrency or leave it out.`)
  }
  const max = Math.floor(maxMemory / partSize) - 1
  if (max >= 1) return { min: Math.min(DEFAULT_MIN, max), max }
  const why = `an upload needs ${exactSize(2 * partSize)}: two parts of ${exactSize(partSize)}${parts}, one of which is filled while the other is sent`
  const advice = parts === '' ? ', or lower --part-size, which must be at least 5MiB' : ''
  throw new Failure(2, `${given} ${why}. Raise --max-memory${advice}.`)
}

/**
 * The size of the stream's parts as long as they do not grow: the smallest multiple of 1 MiB with which the known size
 * fits into `maxParts`, but at least the given size.
 */
function partSizeOf({ partSize = DEFAULT_PART_SIZE, maxParts, ...options }: MemoryOptions): number {
  const size = options.contentLength ?? options.expectedSize ?? 0
  // The stream refuses 0 parts.
  const parts = Math.max(1, maxParts ?? DEFAULT_MAX_PARTS)
  return size <= partSize * parts ? partSize : Math.ceil(size / parts / MiB) * MiB
}

function raisedBy({ contentLength }: MemoryOptions): string {
  return ` (the size that ${contentLength === undefined ? '--expected-size' : '--content-length'} requires)`
}
