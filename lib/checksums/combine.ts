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

/** x to the power of 8 × `bytes`, modulo the polynomial. Plain division: 5 GiB does not fit in 32 bits. */
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
 * The CRC-32 of two pieces put together, from the CRC-32 of each and the second one's length, without reading
 * a byte again. The arithmetic is zlib's `crc32_combine`: https://github.com/madler/zlib/blob/develop/crc32.c
 */
export function crc32Combine(first: number, second: number, secondLength: number): number {
  // Where nothing came before, as for every object of one part, there is nothing to shift.
  return first === 0 ? second : (multiply(shift(secondLength), first) ^ second) >>> 0
}

/** A CRC-32 as S3 writes it: base64 of the four bytes, big-endian. */
export function crc32Base64(crc: number): string {
  return crc32Bytes(crc).toString('base64')
}

export function crc32Bytes(crc: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes
}

/** The algorithm of a checksum of the whole object, `ChecksumSHA256` for instance; undefined for another parameter. */
export function wholeChecksum(name: string): string | undefined {
  return /^Checksum(?!Algorithm$|Type$)(.+)/.exec(name)?.[1]
}
