import { MiB } from '../test/support/bytes.js'

/** Who uploads in the process of the server. */
export type Uploader = 'no upload' | 'Upload' | 's3-writable' | 's3-writable, thread'

export const UPLOADERS: Uploader[] = ['no upload', 'Upload', 's3-writable', 's3-writable, thread']

/** Whose figures the goals are for. */
export const OURS: Uploader = 's3-writable, thread'

/** One case: how large the parts are, and where the bytes come from, always in pieces of 64 KiB. */
export interface ServerCase {
  title: string
  partSize: number
  /** `fresh` allocates each piece, as a socket or a file does; `memory` sends one piece again and again. */
  source: 'fresh' | 'memory'
  /** Whether the server is asked too. */
  serves: boolean
}

export const SERVER_CASES: ServerCase[] = [
  { title: '8 MiB parts', partSize: 8 * MiB, source: 'fresh', serves: true },
  { title: '64 MiB parts', partSize: 64 * MiB, source: 'fresh', serves: true },
  { title: '8 MiB parts, from memory', partSize: 8 * MiB, source: 'memory', serves: true },
  { title: '64 MiB parts, from memory', partSize: 64 * MiB, source: 'memory', serves: false },
]

/** How much each run uploads while nobody asks the server. */
export const SERVER_MIB = 1536

/** What one process measures. The figures of an upload are missing without one, those of the server if nobody asks it. */
export interface ServerMeasured {
  /** CPU seconds of the main thread per GiB. */
  main?: number
  /** How long the main thread was ready to run and had no core, in seconds per GiB. */
  waited?: number
  /** CPU seconds of the whole process per GiB. */
  cpu?: number
  /** The 99th percentile of the time between two turns of a timer of 1 ms, in ms. */
  delay?: number
  /** The longest such time, in ms. */
  stall?: number
  /** In MiB/s, while the server is idle. */
  speed?: number
  /** By how many bytes the resident set grew, compared with the process before its first upload. */
  rss?: number
  /** How long a request to the server took at a fixed rate, in ms. */
  p50?: number
  p99?: number
  /** In MiB/s, during these requests. */
  servingSpeed?: number
  /** Requests a second that the server answered when each connection sent the next one at once. */
  perSecond?: number
}

export type ServerFigure = keyof ServerMeasured

/** A goal for a figure of `OURS`, as a ratio to another's figure or as an absolute value. */
export interface ServerGoal {
  of: ServerFigure
  against?: Uploader
  atLeast?: number
  atMost?: number
}

export const GOALS: ServerGoal[] = [
  { of: 'main', against: 's3-writable', atMost: 0.35 },
  { of: 'main', against: 'Upload', atMost: 0.12 },
  { of: 'delay', atMost: 10 },
  { of: 'speed', against: 's3-writable', atLeast: 1 },
  { of: 'p99', against: 'no upload', atMost: 3 },
]

/** How a figure is called and written. */
export const FIGURES: [of: ServerFigure, title: string, format: (value: number) => string][] = [
  ['main', 'main thread, CPU s a GiB', (value) => value.toFixed(2)],
  ['waited', 'its wait for a core, s a GiB', (value) => value.toFixed(2)],
  ['cpu', 'process, CPU s a GiB', (value) => value.toFixed(2)],
  ['delay', 'event-loop delay p99, ms', (value) => value.toFixed(1)],
  ['stall', 'longest, ms', (value) => value.toFixed(0)],
  ['speed', 'MiB/s', (value) => value.toFixed(0)],
  ['rss', 'RSS, MiB', (value) => (value / MiB).toFixed(0)],
  ['p50', 'request p50, ms', (value) => value.toFixed(2)],
  ['p99', 'request p99, ms', (value) => value.toFixed(2)],
  ['servingSpeed', 'MiB/s meanwhile', (value) => value.toFixed(0)],
  ['perSecond', 'requests a second', (value) => value.toFixed(0)],
]
