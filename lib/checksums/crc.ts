/** The register of a CRC, in two halves of 32 bits, because a number has only 53. CRC-32C uses the low half. */
interface Register {
  low: number
  high: number
}

/** Eight tables of 256 entries in a row; entry i of table k is the register after the byte i and k zero bytes. */
interface Tables {
  low: Int32Array
  high: Int32Array
}

/** The reflected polynomials of S3's CRCs: https://reveng.sourceforge.io/crc-catalogue/all.htm */
const CRCS = {
  CRC32C: { length: 4, polynomial: { high: 0, low: 0x82f63b78 } },
  CRC64NVME: { length: 8, polynomial: { high: 0x9a6c9329, low: 0xac4bc9b5 } },
}
/** S3's names of the CRCs that are computed here. CRC-32 is not among them: see crc32.ts. */
export type CrcName = keyof typeof CRCS

const tablesByName = new Map<CrcName, Tables>()

/** Whether S3's name of an algorithm is that of a CRC that is computed here. */
export function isCrcName(name: string): name is CrcName {
  return Object.hasOwn(CRCS, name)
}

/**
 * CRC-32C or CRC-64/NVME, with the methods of a Node hash. It is computed here, because Node has neither, and because
 * older versions of the SDK need another package for CRC-64/NVME.
 *
 * Takes eight bytes at a time, with a table for each of them ("slicing-by-8"), which is several times as fast as one table
 * and single bytes.
 */
export class Crc {
  readonly #length: number
  readonly #tables: Tables
  readonly #register: Register

  constructor(name: CrcName) {
    this.#length = CRCS[name].length
    this.#tables = tablesOf(name)
    this.#register = { low: -1, high: this.#length === 8 ? -1 : 0 }
  }

  /** Continues with the next bytes. */
  update(bytes: Uint8Array): this {
    const { low: L, high: H } = this.#tables
    let { low, high } = this.#register
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const aligned = bytes.length - (bytes.length % 8)
    let at = 0
    for (; at < aligned; at += 8) {
      low ^= view.getInt32(at, true)
      high ^= view.getInt32(at + 4, true)
      const a = 1792 + (low & 255)
      const b = 1536 + ((low >>> 8) & 255)
      const c = 1280 + ((low >>> 16) & 255)
      const d = 1024 + (low >>> 24)
      const e = 768 + (high & 255)
      const f = 512 + ((high >>> 8) & 255)
      const g = 256 + ((high >>> 16) & 255)
      const h = high >>> 24
      low =
        entry(L, a) ^ entry(L, b) ^ entry(L, c) ^ entry(L, d) ^ entry(L, e) ^ entry(L, f) ^ entry(L, g) ^ entry(L, h)
      high =
        entry(H, a) ^ entry(H, b) ^ entry(H, c) ^ entry(H, d) ^ entry(H, e) ^ entry(H, f) ^ entry(H, g) ^ entry(H, h)
    }
    for (; at < bytes.length; at++) {
      const index = (low ^ view.getUint8(at)) & 255
      low = ((low >>> 8) | (high << 24)) ^ entry(L, index)
      high = (high >>> 8) ^ entry(H, index)
    }
    this.#register.low = low
    this.#register.high = high
    return this
  }

  /** The CRC, big-endian, as S3 writes it. */
  digest(encoding: 'base64' | 'hex'): string {
    const bytes = Buffer.alloc(8)
    bytes.writeInt32BE(~this.#register.high)
    bytes.writeInt32BE(~this.#register.low, 4)
    return bytes.subarray(8 - this.#length).toString(encoding)
  }
}

function entry(table: Int32Array, index: number): number {
  return table[index] as number
}

function tablesOf(name: CrcName): Tables {
  const known = tablesByName.get(name)
  if (known !== undefined) return known
  const { polynomial } = CRCS[name]
  const low = new Int32Array(8 * 256)
  const high = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let register: Register = { low: byte, high: 0 }
    for (let bit = 0; bit < 8; bit++) {
      const isSet = register.low & 1
      register = { low: (register.low >>> 1) | (register.high << 31), high: register.high >>> 1 }
      if (isSet) register = { low: register.low ^ polynomial.low, high: register.high ^ polynomial.high }
    }
    low[byte] = register.low
    high[byte] = register.high
  }
  for (let index = 256; index < 8 * 256; index++) {
    const before = { low: entry(low, index - 256), high: entry(high, index - 256) }
    const byte = before.low & 255
    low[index] = ((before.low >>> 8) | (before.high << 24)) ^ entry(low, byte)
    high[index] = (before.high >>> 8) ^ entry(high, byte)
  }
  const tables = { low, high }
  tablesByName.set(name, tables)
  return tables
}
