import { monitorEventLoopDelay } from 'node:perf_hooks'

/** The figures of one run. */
export interface Measured {
  /** In MiB/s. */
  speed: number
  /** CPU seconds of the whole process per GiB. */
  cpu: number
  /** By how many bytes the resident set grew, compared with the process before the run. */
  rss: number
  /** By how many bytes the array buffers grew. */
  arrayBuffers: number
  /** The longest time for which the event loop was blocked, in ms. */
  stall: number
  /** The number of connections opened, as the sink counts them. */
  connections: number
  /** The most parts in flight at the sink: requests that have begun to arrive and have no answer yet. */
  parts: number
  /** The same in the second half of the parts, when the number has settled. */
  settledParts: number
  /** How often each byte was copied from one Buffer into another. */
  copies: number
}

/** The figures that the sink counts. */
export type Counted = Pick<Measured, 'connections' | 'parts' | 'settledParts'>

/** Measures `run`, which sends this number of bytes. */
export async function measure(bytes: number, run: () => Promise<unknown>): Promise<Omit<Measured, keyof Counted>> {
  const idle = process.memoryUsage()
  const peak = { ...idle }
  const look = (): void => {
    const { rss, arrayBuffers } = process.memoryUsage()
    peak.rss = Math.max(peak.rss, rss)
    peak.arrayBuffers = Math.max(peak.arrayBuffers, arrayBuffers)
  }
  const timer = setInterval(look, 50)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  copied = 0
  const cpu = process.cpuUsage()
  const start = performance.now()
  await run()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  delay.disable()
  clearInterval(timer)
  look()
  return {
    speed: bytes / MIB / seconds,
    cpu: (user + system) / 1e6 / (bytes / GIB),
    rss: peak.rss - idle.rss,
    arrayBuffers: peak.arrayBuffers - idle.arrayBuffers,
    stall: delay.max / 1e6,
    copies: copied / bytes,
  }
}

const MIB = 1024 ** 2
const GIB = 1024 ** 3

let copied = 0

/** Counts the bytes copied from now on. That takes time, so speed is measured in another run. */
export function countCopies(): void {
  const { set } = Uint8Array.prototype
  Uint8Array.prototype.set = function (this: Uint8Array, from: ArrayLike<number>, at?: number) {
    copied += from.length
    set.call(this, from, at)
  }
  const { concat } = Buffer
  Buffer.concat = (list, length) => {
    const all = concat(list, length)
    copied += all.length
    return all
  }
  const { copy } = Buffer.prototype
  Buffer.prototype.copy = function (this: Buffer, ...args: Parameters<typeof copy>) {
    const count = copy.apply(this, args)
    copied += count
    return count
  }
}
