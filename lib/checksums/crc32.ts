import * as zlib from 'node:zlib'

/** The CRC-32 of `bytes`, continued from the CRC-32 of the bytes before them. */
export type Crc32 = (bytes: Uint8Array, before?: number) => number

/** An input whose CRC-32 is known: https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-32-iso-hdlc */
const CHECK = { bytes: Buffer.from('123456789'), crc: 0xcbf43926 }

/** The implementation that `load` returns, if it loads and computes the check value correctly; otherwise zlib's. */
export function chooseCrc32(load: () => Crc32): Crc32 {
  try {
    const candidate = load()
    if (candidate(CHECK.bytes, 0) === CHECK.crc) return candidate
  } catch {
    // The optional dependency is not installed, has no binary for this platform, or native code is not allowed.
  }
  return zlib.crc32
}

/**
 * Uses `@node-rs/crc32` if it is installed: it is 2.7 times as fast as Node's zlib, whose CRC-32 takes a tenth of an
 * upload's CPU time.
 *
 * `createRequire` is not imported, because webpack and Turbopack would follow it to the native file, which they cannot
 * bundle. In a CommonJS bundle `import.meta.url` may be undefined; `createRequire` then throws, and zlib's is used.
 */
export const crc32: Crc32 = chooseCrc32(
  () => process.getBuiltinModule('node:module').createRequire(import.meta.url)('@node-rs/crc32').crc32,
)

/** The reflected CRC-32 polynomial, as in ISO 3309, gzip and S3's `ChecksumCRC32`. */
const POLYNOMIAL = 0xedb88320

/** a × b modulo the CRC-32 polynomial; bit 31 is x⁰. */
function multiply(a: number, b: number): number {
  let product = 0
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= b
    b = b & 1 ? (b >>> 1) ^ POLYNOMIAL : b >>> 1
  }
  return product >>> 0
}

/**
 * x to the power of 8 × `bytes`, modulo the polynomial. Halves by division, because 5 GiB does not fit into 32 bits.
 */
function shift(bytes: number): number {
  let power = 0x80000000
  let square = 0x00800000 // x⁸
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(power, square)
    square = multiply(square, square)
  }
  return power
}

/**
 * The CRC-32 of two consecutive runs of bytes, from the CRC-32 of each and the length of the second, without reading
 * the bytes again. The arithmetic is that of zlib's `crc32_combine`:
 * https://github.com/madler/zlib/blob/develop/crc32.c
 */
export function crc32Combine(first: number, second: number, secondLength: number): number {
  // The CRC-32 of no bytes is 0, and shifts to 0.
  return first === 0 ? second : (multiply(shift(secondLength), first) ^ second) >>> 0
}

/** A CRC-32 in S3's notation: base64 of its four bytes, big-endian. */
export function crc32Base64(crc: number): string {
  return crc32Bytes(crc).toString('base64')
}

function crc32Bytes(crc: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(crc)
  return bytes
}

/** The size and the CRC-32 of a run of bytes. */
export interface SizeAndCrc {
  /** Undefined if S3 holds no CRC-32 of some of the bytes, which an earlier stream stored. */
  crc: number | undefined
  /** In bytes. */
  size: number
}

/** The size and the CRC-32 of consecutive runs of bytes together. */
export function combineAll(runs: readonly SizeAndCrc[]): SizeAndCrc {
  return runs.reduce<SizeAndCrc>(combine, { crc: 0, size: 0 })
}

function combine(first: SizeAndCrc, second: SizeAndCrc): SizeAndCrc {
  const size = first.size + second.size
  if (first.crc === undefined || second.crc === undefined) return { crc: undefined, size }
  return { crc: crc32Combine(first.crc, second.crc, second.size), size }
}

/** S3's composite checksum: the CRC-32 of the parts' CRC-32s. Undefined if the CRC-32 of a part is not known. */
export function compositeCrc32(crcs: readonly (number | undefined)[]): string | undefined {
  const known = crcs.flatMap((crc) => crc ?? [])
  if (known.length < crcs.length) return undefined
  return `${crc32Base64(crc32(Buffer.concat(known.map(crc32Bytes))))}-${crcs.length}`
}
