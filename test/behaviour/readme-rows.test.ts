import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { nothingIsLeft } from '../support/assertions.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { blocks, program } from '../support/pages.js'
import { runProgram } from '../support/run-program.js'
import { makeBucket } from '../support/store.js'

/** Yields more than one part, then waits until S3 has denied that part, then yields rows without end. */
const rows = `async function* rows() {
  yield Buffer.alloc(9 * 1024 * 1024)
  await new Promise((resolve) => upload.on('close', resolve))
  for (;;) yield '{"n":2}\\n'
}`

const rowBlocks = blocks.filter(({ code }) => /\brows\(\)/.test(code))

t.test('the README writes rows in two ways: by pipeline and by a loop', async (t) => {
  t.equal(rowBlocks.length, 2)
  t.match(rowBlocks[0]?.code, /pipeline\(rows\(\), upload\)/)
  t.match(rowBlocks[1]?.code, /for await \(const row of rows\(\)\)/)
})

for (const [i, { code: block }] of rowBlocks.entries()) {
  t.test(`README block ${i + 1} that writes rows ends with S3's error if a part is denied meanwhile`, async (t) => {
    const fault = ({ operation }: { operation: string }) => (operation === 'UploadPart' ? denied : undefined)
    const proxy = await faultProxy(t, { fault })
    const Bucket = await makeBucket(t)
    // The folder is inside the project, so that 's3-writable' resolves to the project itself.
    const folder = t.testdir()
    const file = join(folder, 'program.ts')
    writeFileSync(file, program(block, { rows }).replaceAll(/\bBucket: '[a-z]+'/g, `Bucket: '${Bucket}'`))
    const { code, stderr } = await runProgram(file, [], { AWS_ENDPOINT_URL: proxy.url }, folder)
    // Node exits with 13 if a top-level await never settles.
    t.equal(code, 1)
    t.match(stderr, /S3WritableError: s3:\/\/.*: UploadPart 1 failed\. AccessDenied: Denied/)
    t.notMatch(stderr, /Unhandled 'error' event/)
    const Key = /\bKey: '(.*?)'/.exec(block)?.[1] as string
    await nothingIsLeft(t, Bucket, Key)
  })
}
