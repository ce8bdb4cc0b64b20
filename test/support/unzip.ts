import { crc32, inflateRawSync } from 'node:zlib'

/**
 * The files of a zip archive by their names, as its central directory lists them; each is checked with its CRC-32. Of
 * the format (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT) it reads what archives below 4 GiB have.
 */
export function unzip(archive: Buffer): Record<string, Buffer> {
  const end = archive.lastIndexOf('PK\x05\x06', undefined, 'latin1')
  if (end === -1) throw new Error('The archive has no end of its central directory')
  const files: Record<string, Buffer> = {}
  let at = archive.readUInt32LE(end + 16)
  for (let count = archive.readUInt16LE(end + 10); count > 0; count--) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset))
    const name = archive.toString('utf8', at + 46, at + 46 + Number(nameLength))
    const header = archive.readUInt32LE(at + 42)
    const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28)
    const packed = archive.subarray(start, start + archive.readUInt32LE(at + 20))
    const file = archive.readUInt16LE(at + 10) === 8 ? inflateRawSync(packed) : packed
    if (crc32(file) !== archive.readUInt32LE(at + 16)) throw new Error(`${name} has another CRC-32`)
    files[name] = file
    at += 46 + Number(nameLength) + Number(extraLength) + Number(commentLength)
  }
  return files
}
