/**
 * Measures only how chunks are cut into parts, and sends nothing: s3-writable's cutter, a list of chunks that is concatenated,
 * and stream-chunker. Only s3-writable's cutter computes a CRC-32 too. Usage: npm run bench -- --chunker
 */
import { once } from 'node:events'
import chunker from 'stream-chunker'
import { Bench } from 'tinybench'
import { PartCutter } from '../lib/parts/cutter.js'
import { KiB, MiB } from '../test/support/bytes.js'

const WAYS: Record<string, (chunk: Buffer, count: number, partSize: number) => Promise<void>> = {
  's3-writable (with CRC-32)': async (chunk, count, partSize) => {
    const cutter = new PartCutter(
      () => partSize,
      () => 2,
      (part) => part.release(),
    )
    for (let i = 0; i < count; i++) cutter.take(chunk)
    cutter.end()
  },
  'list and concat': async (chunk, count, partSize) => {
    let list: Buffer[] = []
    let length = 0
    for (let i = 0; i < count; i++) {
      list.push(chunk)
      length += chunk.length
      if (length < partSize) continue
      Buffer.concat(list)
      list = []
      length = 0
    }
  },
  'stream-chunker': async (chunk, count, partSize) => {
    const stream = chunker(partSize, { flush: true })
    stream.on('data', () => {})
    for (let i = 0; i < count; i++) if (!stream.write(chunk)) await once(stream, 'drain')
    stream.end()
    await once(stream, 'end')
  },
}

/** Prints the MiB/s of each. stream-chunker copies quadratically, so it is measured on the start of a part only. */
export async function benchChunkers(): Promise<void> {
  console.log('| writes | parts | way | MiB/s |\n| --- | --- | --- | --- |')
  for (const write of [KiB, 64 * KiB]) {
    for (const partSize of [8 * MiB, 64 * MiB]) {
      for (const [name, way] of Object.entries(WAYS)) {
        const slow = name === 'stream-chunker'
        const bytes = slow ? 128 * write : 4 * partSize
        const chunk = Buffer.alloc(write)
        const bench = new Bench({ iterations: 3, time: 300, warmup: !slow, warmupIterations: 1, warmupTime: 0 })
        bench.add(name, () => way(chunk, bytes / write, partSize))
        const [task] = await bench.run()
        if (task?.result.state !== 'completed') throw new Error(`${name}: ${task?.result.state}`)
        const speed = bytes / MiB / (task.result.latency.p50 / 1000)
        const parts = `${slow ? `the first ${bytes / MiB} MiB of ` : ''}${partSize / MiB} MiB`
        console.log(`| ${write / KiB} KiB | ${parts} | ${name} | ${speed.toFixed(speed < 10 ? 2 : 0)} |`)
      }
    }
  }
}
