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

/** What is sent, and how it is cut. */
export interface Case {
  title: string
  protocol: 'https' | 'http'
  /** Bytes in each write; `lines` is a write() and drain loop, the others come from a Readable. */
  source: { kind: 'fresh' | 'lines' | 'file' | 'memory'; write: number } | { kind: 'objects'; write: number }
  MiB: number
  partSize: number
  contenders: ContenderName[]
  unsignedPayload?: boolean
  /** Left out of `--quick`. */
  long?: boolean
  /** What is asked of s3-writable. */
  asked: Asked[]
}

/** A figure of s3-writable over the same figure of another contender, or by itself. */
export interface Asked {
  of: keyof Measured
  against?: ContenderName
  atLeast?: number
  atMost?: number
}

const part = 8 * MiB
const fresh = (write: number): Case['source'] => ({ kind: 'fresh', write })
const faster = (against: ContenderName, atLeast: number): Asked => ({ of: 'speed', against, atLeast })
/** partSize × (concurrency + 1) + 40 MiB. */
const memory = (partSize: number): Asked => ({ of: 'rss', atMost: partSize * 5 + 40 * MiB })

/** Over a link of so many ms there and back; asked at 1 Gbit/s. */
export const longLink = (rtt: number): Case => ({
  title: `a link of ${rtt} ms`,
  protocol: 'https',
  source: fresh(64 * KiB),
  MiB: 1024,
  partSize: part,
  contenders: ['s3-writable', 'Upload', 'limit'],
  asked: [faster('Upload', rtt < 100 ? 2.4 : 4), ...(rtt < 100 ? [{ of: 'speed', atLeast: LINE } as const] : [])],
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
    asked: [
      faster('Upload', 3),
      { of: 'cpu', against: 'Upload', atMost: 0.35 },
      faster('bare', 1.2),
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
    asked: [faster('Upload', 1.7)],
  },
  {
    title: 'http, unsignedPayload',
    protocol: 'http',
    source: fresh(64 * KiB),
    MiB: 1024,
    partSize: part,
    unsignedPayload: true,
    contenders: ['s3-writable', 'Upload'],
    asked: [faster('Upload', 4)],
  },
  {
    title: 'https, 1 KiB writes',
    protocol: 'https',
    source: fresh(KiB),
    MiB: 256,
    partSize: part,
    contenders: ['s3-writable', 'Upload behind a PassThrough'],
    asked: [faster('Upload behind a PassThrough', 1.8)],
  },
  {
    title: 'https, lines of 100 bytes',
    protocol: 'https',
    source: { kind: 'lines', write: 100 },
    MiB: 128,
    partSize: part,
    contenders: ['s3-writable', 'Upload behind a PassThrough'],
    asked: [faster('Upload behind a PassThrough', 2)],
  },
  {
    title: 'https, 1 MiB writes',
    protocol: 'https',
    source: fresh(MiB),
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable', 'Upload'],
    long: true,
    asked: [],
  },
  {
    title: 'https, a file',
    protocol: 'https',
    source: { kind: 'file', write: 64 * KiB },
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable', 'Upload'],
    long: true,
    asked: [],
  },
  {
    title: 'https, from memory, 8 MiB parts',
    protocol: 'https',
    source: { kind: 'memory', write: 64 * KiB },
    MiB: 1024,
    partSize: part,
    contenders: ['s3-writable', 'Upload'],
    asked: [{ of: 'stall', atMost: 30 }],
  },
  {
    title: 'https, from memory, 64 MiB parts',
    protocol: 'https',
    source: { kind: 'memory', write: 64 * KiB },
    MiB: 2048,
    partSize: 64 * MiB,
    contenders: ['s3-writable', 'Upload'],
    long: true,
    asked: [{ of: 'stall', atMost: 30 }, memory(64 * MiB)],
  },
  {
    title: 'https, 256 parts of 5 MiB',
    protocol: 'https',
    source: { kind: 'memory', write: 64 * KiB },
    MiB: 1280,
    partSize: 5 * MiB,
    contenders: ['s3-writable', 'Upload'],
    long: true,
    asked: [{ of: 'connections', atMost: 5 }],
  },
  {
    title: 'https, 1,000 objects of 10 KiB',
    protocol: 'https',
    source: { kind: 'objects', write: 10 * KiB },
    MiB: (1000 * 10) / 1024,
    partSize: part,
    contenders: ['s3-writable', 'by hand'],
    asked: [faster('by hand', 1)],
  },
]
