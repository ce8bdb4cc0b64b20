import { KiB, MiB } from '../test/support/bytes.js'
import type { Measured } from './measure.js'

export type ContenderName =
  | 's3-writable'
  | 'Upload'
  | 'Upload behind a PassThrough'
  | 'minio'
  | 'by hand'
  | 'bare'
  | 'limit'

/** One case of the benchmark: the source, the protocol, the parts and the contenders. */
export interface Case {
  title: string
  protocol: 'https' | 'http'
  /** `write` is the number of bytes of each write. `lines` is a loop of write() and 'drain'; the others are Readables. */
  source: { kind: 'fresh' | 'lines' | 'file' | 'memory'; write: number } | { kind: 'objects'; write: number }
  MiB: number
  partSize: number
  contenders: ContenderName[]
  unsignedPayload?: boolean
  /** Whether `--quick` skips this case. */
  long?: boolean
  /** The targets of s3-writable. */
  targets: Target[]
}

/** A target for a figure of s3-writable, as a ratio to another contender's figure or as an absolute value. */
export interface Target {
  of: keyof Measured
  against?: ContenderName
  atLeast?: number
  atMost?: number
}

const part = 8 * MiB
const fresh = (write: number): Case['source'] => ({ kind: 'fresh', write })
const speedOver = (against: ContenderName, atLeast: number): Target => ({ of: 'speed', against, atLeast })
/** partSize × (concurrency + 1) + 40 MiB. */
const memory = (partSize: number): Target => ({ of: 'rss', atMost: partSize * 5 + 40 * MiB })

/** The case of a link with this round trip, in ms. Its targets are for 1 Gbit/s. */
export const longLink = (rtt: number): Case => ({
  title: `a link of ${rtt} ms`,
  protocol: 'https',
  source: fresh(64 * KiB),
  MiB: 1024,
  partSize: part,
  contenders: ['s3-writable', 'Upload', 'limit'],
  targets: [speedOver('Upload', rtt < 100 ? 2.4 : 4), ...(rtt < 100 ? [{ of: 'speed', atLeast: LINE } as const] : [])],
})
/** 85 % of 1 Gbit/s, in MiB/s. */
const LINE = (0.85 * 1e9) / 8 / MiB

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
