import t from 'tap'
import { Crc } from '../../../lib/checksums/crc.js'
import { bytes } from '../../support/bytes.js'

// https://reveng.sourceforge.io/crc-catalogue/all.htm
const CHECK_VALUES = [
  ['CRC32C', 'e3069283', '00000000'],
  ['CRC64NVME', 'ae8b14860a799888', '0000000000000000'],
] as const

t.test('the CRC of the check input is the one in the catalogue of CRCs', async (t) => {
  for (const [name, check, empty] of CHECK_VALUES) {
    t.equal(new Crc(name).update(Buffer.from('123456789')).digest('hex'), check)
    t.equal(new Crc(name).digest('hex'), empty)
    t.equal(
      new Crc(name).update(Buffer.from('123456789')).digest('base64'),
      Buffer.from(check, 'hex').toString('base64'),
    )
  }
})

t.test('a CRC is the same, however its bytes are divided and wherever they lie in memory', async (t) => {
  const data = bytes(1000)
  for (const [name] of CHECK_VALUES) {
    // One byte at a time, only the path for the last bytes is taken.
    const expected = new Crc(name)
    for (const byte of data) expected.update(Uint8Array.of(byte))
    const hex = expected.digest('hex')
    for (let cut = 0; cut < 40; cut++) {
      const crc = new Crc(name).update(data.subarray(0, cut)).update(data.subarray(cut, cut + 13))
      if (crc.update(data.subarray(cut + 13)).digest('hex') !== hex) t.fail(`${name}, cut at ${cut}`)
    }
    t.equal(new Crc(name).update(data).digest('hex'), hex)
  }
})
