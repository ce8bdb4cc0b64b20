import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { abortUpload } from '../../lib/index.js'
import { bytes, P, sha256 } from '../support/bytes.js'
import { cli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { head, makeBucket, s3Client, stored, unfinishedUploads } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

const DATA = bytes(4 * P + 1000)
const contentOf = (data = DATA) => ({ sha256: sha256(data), size: data.length })

/** The arguments of a line in a crontab, with options that are fixed when an upload is created. */
const cronLine = (Bucket: string, ...producer: string[]): string[] => [
  '--resume=auto',
  '--leave-parts',
  '--part-size=5MiB',
  '--content-type=application/sql',
  '--metadata=host=db1',
  '--param=WebsiteRedirectLocation=/',
  `s3://${Bucket}/k`,
  '--',
  ...producer,
]

/** A producer that prints a file, and fails while a second file exists. */
function flakyProducer(t: Test): { producer: string[]; file: string; broken: string } {
  const folder = t.testdir({ file: '', broken: '' })
  const [file, broken] = [join(folder, 'file'), join(folder, 'broken')]
  writeFileSync(file, DATA)
  return { file, broken, producer: ['sh', '-c', `cat '${file}'; [ -z "$(cat '${broken}')" ] || exit 7`] }
}

t.test('the same line with --resume=auto begins, resumes, and begins anew, night after night', async (t) => {
  const Bucket = await makeBucket(t)
  const { producer, file, broken } = flakyProducer(t)
  const { url: at, parts, of } = await faultProxy(t)
  const line = cronLine(Bucket, ...producer)
  writeFileSync(broken, 'yes')
  const first = await cli(line, { at })
  t.equal(first.code, 7)
  t.match(
    first.stderr,
    /kept\. To resume, run the same command again, or this with the same input: s3-writable --resume /,
  )
  const [{ UploadId } = {}] = await unfinishedUploads(Bucket)

  writeFileSync(broken, '')
  // The dump of the next night differs in its third part, and is longer.
  const dump = Buffer.from(DATA)
  dump[2 * P + 3] = (dump[2 * P + 3] as number) ^ 1
  writeFileSync(file, dump)
  appendFileSync(file, 'one more row')
  const sent = parts().length
  const second = await cli([...line.slice(0, 2), '--json', ...line.slice(2)], { at })
  t.equal(second.code, 0, second.stderr)
  t.match(JSON.parse(second.stdout), { UploadId, skipped: 3 * P, parts: 5 })
  t.equal(parts().length - sent, 2)
  t.same(await stored(Bucket, 'k'), contentOf(Buffer.concat([dump, Buffer.from('one more row')])))

  writeFileSync(file, DATA)
  const third = await cli(line, { at })
  t.equal(third.code, 0, third.stderr)
  t.notMatch(third.stderr, /already stored/)
  t.equal(of('CreateMultipartUpload').length, 2, 'one upload was begun in the first night, and one in the third')
  t.same(await stored(Bucket, 'k'), contentOf())
  t.match(await head(Bucket, 'k'), { ContentType: 'application/sql', Metadata: { host: 'db1' } })
})

t.test('with --resume=auto the type of a new object is guessed from the key', async (t) => {
  const Bucket = await makeBucket(t)
  t.equal((await cli(['--resume=auto', `s3://${Bucket}/talk.webm`], { input: 'x' })).code, 0)
  t.equal((await head(Bucket, 'talk.webm'))?.ContentType, 'video/webm')
})

t.test('--resume=auto with several uploads fails, and the message has the commands to choose one', async (t) => {
  const Bucket = await makeBucket(t)
  const client = s3Client(t)
  const first = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2))
  const second = await unfinishedUpload(client, Bucket, {})
  const { producer } = flakyProducer(t)
  const { code, stderr } = await cli(cronLine(Bucket, ...producer))
  t.equal(code, 1)
  const commands =
    /\. To remove one: s3-writable (abort .*); to continue one: s3-writable (--resume .*--leave-parts) .*\n$/
  const [, remove = '', resume = ''] = commands.exec(stderr) ?? []
  t.ok(stderr.includes(first) && stderr.includes(second), stderr)
  const words = (command: string, id: string): string[] => command.replace('ID', () => id).split(' ')
  t.equal((await cli([...words(remove, second), '--yes'])).code, 0)
  t.equal((await cli([...words(resume, first), '--', ...producer])).code, 0)
  t.same(await stored(Bucket, 'k'), contentOf())
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('an upload that --resume=auto cannot continue is named with the command that removes it', async (t) => {
  const Bucket = await makeBucket(t)
  const client = s3Client(t)
  await unfinishedUpload(client, Bucket, { 1: DATA.subarray(0, P), 2: DATA.subarray(0, P + 1), 3: DATA.subarray(0, P) })
  const { producer } = flakyProducer(t)
  const line = cronLine(Bucket, ...producer)
  const { code, stderr } = await cli(line)
  t.equal(code, 1)
  const removal = /left as it is\. To remove it, so that the next run begins a new one: s3-writable (abort .*)\n$/
  const [, remove = ''] = removal.exec(stderr) ?? []
  t.equal((await cli([...remove.split(' '), '--yes'])).code, 0, stderr)
  t.equal((await cli(line)).code, 0)
  t.same(await stored(Bucket, 'k'), contentOf())
})

t.test('if the clean-up fails, the message says that --resume=auto continues what is left', async (t) => {
  const Bucket = await makeBucket(t)
  const { producer, broken } = flakyProducer(t)
  writeFileSync(broken, 'yes')
  const line = cronLine(Bucket, ...producer).filter((word) => word !== '--leave-parts')
  const { url: at } = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'AbortMultipartUpload' ? denied : undefined),
  })
  const { code, stderr } = await cli(line, { at })
  t.equal(code, 7)
  t.match(
    stderr,
    /Parts may be left; the next run with --resume=auto continues an upload that is left\. To remove them: /,
  )
  const [{ UploadId = '' } = {}] = await unfinishedUploads(Bucket)
  t.ok(stderr.includes(UploadId))
  await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId })
})

t.test('--resume=auto after -- belongs to the producer', async (t) => {
  const Bucket = await makeBucket(t)
  const { code } = await cli([`s3://${Bucket}/k`, '--', 'printf', '%s', '--resume=auto'])
  t.equal(code, 0)
  t.equal((await stored(Bucket, 'k'))?.size, '--resume=auto'.length)
})
