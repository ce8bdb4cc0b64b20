import { availableParallelism, getPriority } from 'node:os'
import t from 'tap'
import { bytes, MiB, P, sha256 } from '../support/bytes.js'
import { cli } from '../support/cli.js'
import { head, makeBucket, stored } from '../support/store.js'

/** The NODE_OPTIONS for a process that runs this code for every worker of its own. Node's loader has an internal one. */
function onWorker(code: string): { NODE_OPTIONS: string } {
  const module = `
    import { readdirSync, readFileSync } from 'node:fs'
    process.on('worker', (worker) => { if (worker.constructor.name === 'Worker') { ${code} } })`
  const url = `data:text/javascript,${encodeURIComponent(module)}`
  return { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${url}` }
}

/** Prints a line on standard error for every thread that the process starts. */
const env = onWorker("console.error('a thread started')")
const DATA = bytes(3 * P + 1)

t.test('an upload is sent from as many threads as --threads says', async (t) => {
  const Bucket = await makeBucket(t)
  const byDefault = Math.min(1, availableParallelism() - 1)
  for (const [args, threads] of [
    [[], byDefault],
    [['--threads', '0'], 0],
    [['--threads', '2'], 2],
  ] as const) {
    const Key = `k${args.join('')}`
    const all = [`s3://${Bucket}/${Key}`, '--quiet', '--part-size', '5MiB', ...args]
    const { code, stderr } = await cli(all, { input: DATA, env })
    t.equal(code, 0, stderr)
    t.same(await stored(Bucket, Key), { sha256: sha256(DATA), size: DATA.length })
    t.equal(stderr.match(/a thread started/g)?.length ?? 0, threads, `${args.join(' ')}: ${stderr}`)
  }
})

/** Prints the priorities of all threads of the process, on Linux, once a worker has said something. */
const PRIORITIES = `
  const priorityOf = (task) => readFileSync('/proc/self/task/' + task + '/stat', 'latin1').replace(/^.*\\) /s, '').split(' ')[16]
  const print = () => console.error('priorities: ' + [...new Set(readdirSync('/proc/self/task').map(priorityOf))])
  if (process.platform === 'linux') worker.once('message', print)`

t.test('the thread of the command has the priority of the command: both have nothing else to do', async (t) => {
  const Bucket = await makeBucket(t)
  const { code, stderr } = await cli([`s3://${Bucket}/k`, '--quiet', '--threads', '1'], {
    input: 'x',
    env: onWorker(PRIORITIES),
  })
  t.equal(code, 0, stderr)
  const own = String(getPriority())
  t.same(stderr.match(/(?<=priorities: ).*/g) ?? [], process.platform === 'linux' ? [own] : [], stderr)
})

t.test('ls and a wrong option start no thread', async (t) => {
  const Bucket = await makeBucket(t)
  const listed = await cli(['ls', `s3://${Bucket}`], { env })
  t.match(listed, { code: 0, stderr: /^(?!.*a thread started)/s })
  const wrong = await cli([`s3://${Bucket}/k`, '--threads', '65'], { input: 'x', env })
  t.match(wrong, { code: 2, stderr: /--threads must be an integer from 1 to 64\. Received .*65/ })
  t.notMatch(wrong.stderr, 'a thread started')
  const text = await cli([`s3://${Bucket}/k`, '--threads', 'many'], { input: 'x', env })
  t.match(text, { code: 2, stderr: /Expected a whole number/ })
  t.equal(await head(Bucket, 'k'), undefined)
})

t.test('a producer that fails publishes nothing, also from a thread', async (t) => {
  const Bucket = await makeBucket(t)
  const failing = ['sh', '-c', `head -c ${12 * MiB} /dev/zero; exit 3`]
  const { code, stderr } = await cli([`s3://${Bucket}/k`, '--threads', '1', '--', ...failing], { env })
  t.match({ code, stderr }, { code: 3, stderr: /sh exited with 3\. Nothing was published/ })
  t.equal(await head(Bucket, 'k'), undefined)
})
