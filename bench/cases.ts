import { KiB, MiB } from '../test/support/bytes.js'
import type { Measured } from './measure.js'

/** The number in a name is the number of parts at once; without one it is 4. */
export type ContenderName =
  | 's3-writable'
  | 's3-writable, auto'
  | 's3-writable, 16'
  | 'Upload'
  | 'Upload, 16'
  | 'Upload behind a PassThrough'
  | 'minio'
  | 'by hand'
  | 'bare'
  | 'limit'
  | 'limit, 16'

/** One case of the benchmark: the source, the protocol, the parts and the contenders. */
export interface Case {
  title: string
  protocol: 'https' | 'http'
  /** `write` is the number of bytes of each write. `lines` is a loop of write() and 'drain'; the others are Readables. */
  source: { kind: 'fresh' | 'lines' | 'file' | 'memory'; write: number } | { kind: 'objects'; write: number }
  MiB: number
  partSize: number
  contenders: ContenderName[]
  /**
   * The contender that the table compares with the others, and that the targets are for.
   * @default 's3-writable'
   */
  ours?: ContenderName
  unsignedPayload?: boolean
  /** Whether `--quick` skips this case. */
  long?: boolean
  /**
   * How much `--quick` sends.
   * @default 512, or `MiB` if that is less
   */
  quickMiB?: number
  /** Whether the table shows the parts in flight. */
  showsParts?: boolean
  /** The link to the sink, if it is not the loopback. */
  link?: Link
  /** The targets of `ours`. */
  targets: Target[]
}

/** A long link: the round trip in ms, and the rate each way in megabits a second. */
export interface Link {
  rtt: number
  mbit: number
}

/** A target for a figure of `ours`, as a ratio to another contender's figure or as an absolute value. */
export interface Target {
  of: keyof Measured
  against?: ContenderName
  atLeast?: number
  atMost?: number
}

const part = 8 * MiB
const fresh = (write: number): Case['source'] => ({ kind: 'fresh', write })
export const speedOver = (against: ContenderName, atLeast: number): Target => ({ of: 'speed', against, atLeast })
/** partSize × (concurrency + 1) + 40 MiB. */
const memory = (partSize: number): Target => ({ of: 'rss', atMost: partSize * 5 + 40 * MiB })

/** Whose figures the targets of this case are for. */
export const oursOf = ({ ours = 's3-writable' }: Case): ContenderName => ours

export const CASES: Case[] = [
  {
    title: 'https, 64 KiB writes, 8 MiB parts',
    protocol: 'https',
    source: fresh(64 * KiB),
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable', 'Upload', 'Upload behind a PassThrough', 'minio', 'by hand', 'bare', 'limit'],
    targets: [
      speedOver('Upload', 3),
      { of: 'cpu', against: 'Upload', atMost: 0.35 },
      speedOver('bare', 1.2),
      memory(part),
      { of: 'rss', against: 'Upload', atMost: 0.6 },
    ],
  },
  {
    title: 'https, auto',
    protocol: 'https',
    source: fresh(64 * KiB),
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable, auto', 's3-writable'],
    ours: 's3-writable, auto',
    showsParts: true,
    targets: [speedOver('s3-writable', 0.97)],
  },
  {
    title: 'http, signed payload',
    protocol: 'http',
    source: fresh(64 * KiB),
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable', 'Upload', 'limit'],
    targets: [speedOver('Upload', 1.7)],
  },
  {
    title: 'http, unsignedPayload',
    protocol: 'http',
    source: fresh(64 * KiB),
    MiB: 1024,
    partSize: part,
    unsignedPayload: true,
    contenders: ['s3-writable', 'Upload'],
    targets: [speedOver('Upload', 4)],
  },
  {
    title: 'https, 1 KiB writes',
    protocol: 'https',
    source: fresh(KiB),
    MiB: 256,
    partSize: part,
    contenders: ['s3-writable', 'Upload behind a PassThrough'],
    targets: [speedOver('Upload behind a PassThrough', 1.8)],
  },
  {
    title: 'https, lines of 100 bytes',
    protocol: 'https',
    source: { kind: 'lines', write: 100 },
    MiB: 128,
    quickMiB: 16,
    partSize: part,
    contenders: ['s3-writable', 'Upload behind a PassThrough'],
    targets: [speedOver('Upload behind a PassThrough', 2)],
  },
  {
    title: 'https, 1 MiB writes',
    protocol: 'https',
    source: fresh(MiB),
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable', 'Upload'],
    long: true,
    targets: [],
  },
  {
    title: 'https, a file',
    protocol: 'https',
    source: { kind: 'file', write: 64 * KiB },
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable', 'Upload'],
    long: true,
    targets: [],
  },
  {
    title: 'https, a file in pieces of 1 MiB',
    protocol: 'https',
    source: { kind: 'file', write: MiB },
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable', 'Upload'],
    long: true,
    targets: [],
  },
  {
    title: 'https, from memory, 8 MiB parts',
    protocol: 'https',
    source: { kind: 'memory', write: 64 * KiB },
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable', 'Upload'],
    targets: [{ of: 'stall', atMost: 30 }],
  },
  {
    title: 'https, from memory, 64 MiB parts',
    protocol: 'https',
    source: { kind: 'memory', write: 64 * KiB },
    MiB: 2048,
    partSize: 64 * MiB,
    contenders: ['s3-writable', 'Upload'],
    long: true,
    targets: [{ of: 'stall', atMost: 30 }, memory(64 * MiB)],
  },
  {
    title: 'https, 256 parts of 5 MiB',
    protocol: 'https',
    source: { kind: 'memory', write: 64 * KiB },
    MiB: 1280,
    partSize: 5 * MiB,
    contenders: ['s3-writable', 'Upload'],
    long: true,
    targets: [{ of: 'connections', atMost: 5 }],
  },
  {
    title: 'https, 1,000 objects of 10 KiB',
    protocol: 'https',
    source: { kind: 'objects', write: 10 * KiB },
    MiB: (1000 * 10) / 1024,
    partSize: part,
    contenders: ['s3-writable', 'by hand'],
    targets: [speedOver('by hand', 1)],
  },
]
