import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { nothingIsLeft } from '../support/assertions.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { blocks, program } from '../support/pages.js'
import { runProgram } from '../support/run-program.js'
import { makeBucket } from '../support/store.js'

/** More than a part, then a row that is awaited until S3 has refused the part, then rows without end. */
const rows = `async function* rows() {
  yield Buffer.alloc(9 * 1024 * 1024)
  await new Promise((resolve) => upload.on('close', resolve))
  for (;;) yield '{"n":2}\\n'
}`

const loops = blocks.filter(({ code }) => /\brows\(\)/.test(code))

t.test('the README writes rows by pipeline, and by a loop', async (t) => {
  t.equal(loops.length, 2)
  t.match(loops[0]?.code, /pipeline\(rows\(\), upload\)/)
  t.match(loops[1]?.code, /for await \(const row of rows\(\)\)/)
})

for (const [i, { code: block }] of loops.entries()) {
  t.test(`block ${i + 1} of them ends with S3's error where S3 refuses while the next row is awaited`, async (t) => {
    const fault = ({ operation }: { operation: string }) => (operation === 'UploadPart' ? denied : undefined)
    const proxy = await faultProxy(t, { fault })
    const Bucket = await makeBucket(t)
    // Inside of the project, where 's3-writable' is the project itself.
    const folder = t.testdir()
    const file = join(folder, 'program.ts')
    writeFileSync(file, program(block, { rows }).replaceAll(/\bBucket: '[a-z]+'/g, `Bucket: '${Bucket}'`))
    const { code, stderr } = await runProgram(file, [], { AWS_ENDPOINT_URL: proxy.url }, folder)
    // 13 is what Node ends with where something is awaited for ever.
    t.equal(code, 1)
    t.match(stderr, /S3WritableError: s3:\/\/.*: UploadPart 1 failed\. AccessDenied: Denied/)
    t.notMatch(stderr, /Unhandled 'error' event/)
    const Key = /\bKey: '(.*?)'/.exec(block)?.[1] as string
    await nothingIsLeft(t, Bucket, Key)
  })
}
