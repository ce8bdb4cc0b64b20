import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { abortUpload } from '../../lib/index.js'
import { cli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { holdForever } from '../support/scenario.js'
import { makeBucket, s3Client } from '../support/store.js'
import { DRAWN, onTerminal, shell, startOnTerminal, terminalTest } from '../support/terminal.js'

terminalTest('the producer can open /dev/stderr, and prints also if no named pipe can be made', async (t) => {
  const Bucket = await makeBucket(t)
  const device = [`s3://${Bucket}/k`, ...shell('echo note >/dev/stderr')]
  t.match(await onTerminal(device, { columns: 100 }), { code: 0, screen: ['note', /^s3:/] })
  const plain = [`s3://${Bucket}/k`, ...shell('echo note >&2')]
  t.match(await onTerminal(plain, { columns: 100, env: { TMPDIR: '/dev/null' } }), {
    code: 0,
    screen: ['note', /^s3:/],
  })
})

terminalTest(
  'a process that the producer leaves behind with its standard error does not delay the end for long',
  async (t) => {
    const Bucket = await makeBucket(t)
    const folder = t.testdir()
    t.teardown(() => process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8'))))
    const script = `sleep 1000 >/dev/null & echo $! >${folder}/pid; head -c 6000000 /dev/zero; echo last >&2; exit `
    for (const [exit, line] of [
      ['0', /^s3:/],
      ['3', /^s3-writable: sh exited with 3/],
    ] as const) {
      const { code, screen } = await onTerminal([`s3://${Bucket}/k`, ...shell(script + exit)], { columns: 100 })
      if (exit === '0') process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')))
      t.equal(code, Number(exit))
      t.match(screen, ['last', line])
    }
  },
)

terminalTest('after a signal, what the producer still prints is above the command’s message', async (t) => {
  const Bucket = await makeBucket(t)
  const script = `trap 'echo caught >&2; exit 1' TERM; head -c 9000000 /dev/zero; kill -TERM $PPID; while :; do sleep 0.05; done`
  const { code, screen } = await onTerminal([`s3://${Bucket}/k`, ...shell(script)], { columns: 100 })
  t.equal(code, 143)
  t.same(screen, ['caught', 's3-writable: Ended by SIGTERM. Nothing was published.'])
})

terminalTest('a second signal erases the line before the last message', async (t) => {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t, { fault: holdForever('AbortMultipartUpload') })
  const pid = join(t.testdir(), 'pid')
  const script = `echo $PPID >${pid}; head -c 9000000 /dev/zero; printf unfinished >&2; exec sleep 1000`
  const { shows, ended } = startOnTerminal([`s3://${Bucket}/k`, ...shell(script)], { columns: 300, at: proxy.url })
  await shows(/unfinished/)
  await proxy.waitFor({ operation: 'UploadPart' })
  process.kill(Number(readFileSync(pid, 'utf8')), 'SIGTERM')
  await proxy.waitFor({ operation: 'AbortMultipartUpload' })
  process.kill(Number(readFileSync(pid, 'utf8')), 'SIGTERM')
  const { code, screen } = await ended
  t.equal(code, 143)
  t.match(screen, ['unfinished', /^Parts may be left\. To remove them: /])
  const UploadId = screen[1]?.split('--upload-id=')[1] as string
  await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId })
})

terminalTest('process warnings and what libraries print are on lines of their own', async (t) => {
  const Bucket = await makeBucket(t)
  const go = join(t.testdir(), 'go')
  const script = `echo begin >&2; head -c 6000000 /dev/zero; wait_for ${go}; printf half >&2; sleep 0.5; echo >&2`
  const print = `setInterval(() => { console.error('note'); process.emitWarning('careful') }, 300).unref()`
  const NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import="data:text/javascript,${encodeURIComponent(print)}"`
  const env = { NODE_NO_WARNINGS: undefined, NODE_OPTIONS }
  const { shows, ended } = startOnTerminal([`s3://${Bucket}/k`, ...shell(script)], { columns: 100, env })
  await shows(new RegExp(`${DRAWN.source}\r␛\\[Knote\r\n[^]*${DRAWN.source}\r␛\\[Knote`))
  writeFileSync(go, '')
  const { screen } = await ended
  const known = /^(begin|note|half|\(node:\d+\) Warning: careful|\(Use `.*|s3:.*|.*NodeVersionSupport.*|)$/
  const between = screen.slice(screen.indexOf('begin'))
  t.same(
    between.filter((line) => !known.test(line)),
    [],
  )
})

terminalTest('a command that cannot be run ends with its message alone', async (t) => {
  const Bucket = await makeBucket(t)
  for (const [command, expected, message] of [
    ['no-such-command-here', 127, 'no-such-command-here: command not found'],
    ['', 126, ' could not be run: '],
  ] as const) {
    const { code, screen } = await onTerminal([`s3://${Bucket}/k`, '--', command], { columns: 200 })
    t.equal(code, expected)
    t.equal(screen.length, 1)
    t.match(screen[0], message)
  }
})

terminalTest(
  'without a progress line the producer has the terminal itself, and nothing but text is printed',
  async (t) => {
    const Bucket = await makeBucket(t)
    const script = 'test -t 2 && echo terminal >&2; head -c 6000000 /dev/zero; sleep 0.6'
    for (const [option, env, lines] of [
      ['--quiet', {}, 1],
      ['--json', {}, 2],
      ['--no-progress', {}, 2],
      ['--concurrency=2', { TERM: 'dumb' }, 2],
    ] as const) {
      const { code, output, screen } = await onTerminal([`s3://${Bucket}/k`, option, ...shell(script)], {
        columns: 400,
        env,
      })
      t.equal(code, 0)
      t.notMatch(output, '␛')
      t.equal(screen[0], 'terminal')
      t.equal(screen.length, lines, option)
    }
  },
)

terminalTest(
  'if standard error is no terminal, there is no progress, and the producer writes to it directly',
  async (t) => {
    const Bucket = await makeBucket(t)
    const file = join(t.testdir(), 'stderr')
    const script = `printf '\\303' >&2; head -c 6000000 /dev/zero; sleep 0.6; printf '\\251\\377\\r\\033[2K' >&2`
    const { code, output } = await onTerminal([`s3://${Bucket}/k`, ...shell(script)], { redirect: `2>${file}` })
    t.equal(code, 0)
    t.equal(output, '')
    const text = readFileSync(file, 'latin1').replaceAll('\u001b', '␛')
    t.match(text, /^\xc3\xa9\xff\r␛\[2Ks3:[^\r␛]*\n$/)
    const { stderr } = await cli([
      `s3://${Bucket}/k`,
      ...shell('test -p /dev/fd/2 || test -S /dev/fd/2 && echo pipe >&2'),
    ])
    t.match(stderr, /^pipe\ns3:[^\r␛]*\n$/)
  },
)
