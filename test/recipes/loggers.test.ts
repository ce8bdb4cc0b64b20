import { once } from 'node:events'
import type { Readable } from 'node:stream'
import t from 'tap'
import { MiB } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { faultProxy } from '../support/fault-proxy.js'
import { runRecipe, startRecipe } from '../support/recipe.js'
import { head, makeBucket, read } from '../support/store.js'

const RECIPES = [
  { recipe: 'pino', done: { level: 30, msg: 'done' }, signal: { msg: 'SIGTERM' }, error: { level: 60, msg: /JSON/ } },
  {
    recipe: 'winston',
    done: { level: 'info', message: 'done' },
    signal: { message: 'SIGTERM' },
    error: { level: 'error', message: /JSON/, stack: /SyntaxError/ },
  },
]

for (const { recipe, done, signal, error } of RECIPES) {
  const logged = async (Bucket: string, Key: string): Promise<object[]> => {
    const lines = `${await read(Bucket, Key)}`.trimEnd().split('\n')
    return lines.map((line) => JSON.parse(line))
  }

  t.test(`${recipe}: the log of a program that SIGTERM ends has its last lines`, async (t) => {
    const Bucket = await makeBucket(t)
    const held = deferred()
    const proxy = await faultProxy(t, {
      fault: ({ operation }) => (operation === 'PutObject' ? { do: 'hold', until: held.promise } : undefined),
    })
    const program = startRecipe(recipe, [Bucket, 'k'], { AWS_ENDPOINT_URL: proxy.url })
    const exited = once(program, 'exit')
    program.stdin?.write('{"job":1}\n{"job":2}\n')
    let output = ''
    for await (const chunk of (program.stdout as Readable).iterator({ destroyOnReturn: false })) {
      output += chunk
      if (output === '{"job":1}\n{"job":2}\n') break
    }
    program.kill('SIGTERM')
    await proxy.waitFor({ operation: 'PutObject' })
    // The program logs this signal too. By now the upload has ended, so the line is dropped.
    program.kill('SIGTERM')
    held.resolve()
    t.same(await exited, [0, null])
    t.equal((await head(Bucket, 'k'))?.ContentType, 'application/x-ndjson')
    const lines = await logged(Bucket, 'k')
    t.equal(lines.length, 3)
    t.match(lines, [{ ...done, job: 1 }, { ...done, job: 2 }, signal])
  })

  t.test(`${recipe}: the log of a program that fails has the error as its last line`, async (t) => {
    const Bucket = await makeBucket(t)
    const jobs = Array.from({ length: 10 }, (_, job) => ({ job, text: 'x'.repeat(MiB) }))
    const input = `${jobs.map((job) => JSON.stringify(job)).join('\n')}\nno JSON\n`
    t.match(await runRecipe(recipe, [Bucket, 'k'], input), { code: 1, stderr: /SyntaxError/ })
    const lines = await logged(Bucket, 'k')
    t.equal(lines.length, 11)
    t.match(lines, [...jobs.map((job) => ({ ...done, ...job })), error])
  })

  t.test(`${recipe}: a program whose log cannot be stored does its work, and fails with the log's error`, async (t) => {
    const input = Array.from({ length: 10 }, (_, job) => `${JSON.stringify({ job, text: 'x'.repeat(MiB) })}\n`).join('')
    const { code, stdout, stderr } = await runRecipe(recipe, ['no-such-bucket-here', 'k'], input)
    t.equal(code, 1)
    t.equal(stdout, input)
    t.match(stderr, /The log is lost\. .*NoSuchBucket.*code: 'ERR_S3_REQUEST'/s)
  })
}
