import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nothingIsLeft } from '../support/assertions.js'
import { Screen } from '../support/screen.js'
import { head, makeBucket } from '../support/store.js'
import { DRAWN, drawnLines, onTerminal, shell, startOnTerminal, terminalTest } from '../support/terminal.js'

terminalTest(
  'every line that the producer prints stays on the screen, in its order, and the last line is the result',
  async (t) => {
    const Bucket = await makeBucket(t)
    const script = 'for i in $(seq 20); do echo "line $i" >&2; head -c 500000 /dev/zero; sleep 0.1; done'
    const { code, output, screen } = await onTerminal([`s3://${Bucket}/k`, ...shell(script)], { columns: 100 })
    t.equal(code, 0)
    t.match(output, DRAWN)
    const result = screen.pop()
    t.same(
      screen,
      Array.from({ length: 20 }, (_, i) => `line ${i + 1}`),
    )
    t.match(result, new RegExp(`^s3://${Bucket}/k: 9.5 MiB in \\d+\\.\\d s, [\\d.]+ MiB/s, 2 parts$`))
  },
)

terminalTest(
  'a failed producer’s messages are above the command’s, whole, and nothing of the progress is left',
  async (t) => {
    const Bucket = await makeBucket(t)
    const go = join(t.testdir(), 'go')
    const message = 'pg_dump: error: query failed: server closed the connection unexpectedly'
    const script = `head -c 9000000 /dev/zero; wait_for ${go}; echo "${message}" >&2; printf 'hint: ' >&2; printf 'again' >&2; exit 3`
    const { shows, ended } = startOnTerminal([`s3://${Bucket}/k`, ...shell(script)], { columns: 100 })
    await shows(DRAWN)
    writeFileSync(go, '')
    const { code, screen } = await ended
    t.equal(code, 3)
    t.same(screen, [message, 'hint: again', 's3-writable: sh exited with 3. Nothing was published.'])
    await nothingIsLeft(t, Bucket, 'k')
  },
)

terminalTest('the line shows sizes, rate, time left and parts, and keeps changing while nothing is sent', async (t) => {
  const Bucket = await makeBucket(t)
  const go = join(t.testdir(), 'go')
  const script = `head -c 9000000 /dev/zero; wait_for ${go}; head -c 7000000 /dev/zero`
  const args = [`s3://${Bucket}/k`, '--expected-size', '16000000', ...shell(script)]
  const { shows, ended } = startOnTerminal(args)
  const line = /8\.0 MiB of 15\.3 MiB, [\d.]+ [KM]iB\/s, \d[\d.hms ]* left, 1 part stored/
  await shows(line)
  await shows(new RegExp(`(${line.source})[^]*(?!\\1)${line.source}`))
  writeFileSync(go, '')
  const { code, screen } = await ended
  t.equal(code, 0)
  t.equal(screen.length, 1)
})

terminalTest(
  'a question is not overwritten: there is no line before the first byte, nor after an unfinished line',
  async (t) => {
    const Bucket = await makeBucket(t)
    const folder = t.testdir()
    const script = `printf 'Password: ' >/dev/tty; sleep 0.6; read -r a; echo "got $a" >&2
head -c 6000000 /dev/zero; wait_for ${folder}/go; printf 'frame=1\\r' >&2; sleep 0.6; printf 'frame=2\\r' >&2; sleep 0.6
echo >&2; printf 'Overwrite? ' >&2; sleep 0.6; echo no >&2; wait_for ${folder}/end`
    const { shows, ended } = startOnTerminal([`s3://${Bucket}/k`, ...shell(script)], {
      columns: 100,
      input: 'secret\n',
    })
    await shows(DRAWN)
    writeFileSync(join(folder, 'go'), '')
    await shows(new RegExp(`no\r\n${DRAWN.source}`))
    writeFileSync(join(folder, 'end'), '')
    const { code, output, screen } = await ended
    t.equal(code, 0)
    t.match(output, /Password: [^␛]*got secret\r\n/)
    t.match(output, '\r␛[Kframe=1\rframe=2\r\r\nOverwrite? no\r\n\r')
    t.same(screen.slice(-3, -1), ['frame=2', 'Overwrite? no'])
  },
)

terminalTest(
  'the producer’s bytes pass unchanged, also where its writes split a character or an escape sequence',
  async (t) => {
    const Bucket = await makeBucket(t)
    const parts = ['\\303', '\\251 \\033[3', '1mred\\033[0m \\377\\000\\n', 'a\\tb\\n']
    const script = `head -c 6000000 /dev/zero; ${parts.map((part) => `printf '${part}' >&2; sleep 0.3`).join('; ')}`
    const { output } = await onTerminal([`s3://${Bucket}/k`, ...shell(script)], { columns: 100 })
    t.match(output, DRAWN)
    t.match(output, '\xc3\xa9 ␛[31mred␛[0m \xff\0\r\n')
    t.match(output, 'a\tb\r\n')
  },
)

terminalTest('the line never wraps: at most one column less than the width is drawn, in whole fields', async (t) => {
  const Bucket = await makeBucket(t)
  const script = 'for i in 1 2 3 4 5; do echo "$i" >&2; head -c 2000000 /dev/zero; sleep 0.3; done'
  for (const [columns, longest] of [
    [20, 19],
    [5, 4],
    [1, 0],
    [0, 79],
  ] as const) {
    const args = [`s3://${Bucket}/${'文🎉'.repeat(30)}`, '--expected-size', '1GiB', '--quiet', ...shell(script)]
    const visible = args.filter((arg) => arg !== '--quiet')
    const { code, output } = await onTerminal(visible, { columns })
    t.equal(code, 0)
    const lines = drawnLines(output)
    t.ok(lines.every((line) => line.length <= longest))
    t.equal(lines.length > 0, longest > 0, `${columns} columns`)
    if (columns === 20) t.ok(lines.every((line) => /^[\d.]+ [KM]?i?B of 1\.0 GiB$/.test(line)))
    const plain = output.replace(/\r[^\r\n]*␛\[K/g, '')
    t.match(plain, /^1\r\n2\r\n3\r\n4\r\n5\r\ns3:/)
  }
})

terminalTest(
  'when the window changes its width, the next line has the new width, and no other output is lost',
  async (t) => {
    const Bucket = await makeBucket(t)
    const folder = t.testdir()
    const script = `echo begin >&2; head -c 9000000 /dev/zero; wait_for ${folder}/narrow; stty cols 30; wait_for ${folder}/wide
echo widening >&2; stty cols 90; wait_for ${folder}/end; echo end >&2`
    const args = [`s3://${Bucket}/k`, '--expected-size', '1GiB', ...shell(script)]
    const { shows, ended } = startOnTerminal(args, { columns: 60 })
    const wide = /\r8\.0 MiB of 1\.0 GiB[^\r\n]{25,}␛\[K/
    await shows(wide)
    writeFileSync(join(folder, 'narrow'), '')
    const narrow = new RegExp(`${wide.source}(?=\r8\\.0 MiB of [^\r\n]{1,20}␛\\[K)`)
    await shows(narrow)
    writeFileSync(join(folder, 'wide'), '')
    await shows(new RegExp(`widening\r\n[^]*${wide.source}`))
    writeFileSync(join(folder, 'end'), '')
    const { code, output } = await ended
    t.equal(code, 0)
    const narrowed = (narrow.exec(output) as RegExpExecArray).index + (narrow.exec(output)?.[0].length ?? 0)
    const widened = output.indexOf('widening\r\n') + 'widening\r\n'.length
    t.ok(drawnLines(output.slice(narrowed, widened)).every((line) => line.length <= 29))
    for (const how of ['cut', 'rewrap'] as const) {
      const screen = new Screen(60).write(output.slice(0, narrowed)).resize(30, how)
      screen.write(output.slice(narrowed, widened)).resize(90, how).write(output.slice(widened))
      const [first, second, ...rest] = screen.rows
      t.equal(first, 'begin')
      // A terminal that rewraps has moved the beginning of the old line to a row above, where it stays.
      t.match(second, how === 'cut' ? /^widening$/ : /^8\.0 MiB of 1\.0 GiB.*widening$/)
      t.match(rest, ['end', /^s3:.* 2 parts$/])
    }
  },
)

terminalTest(
  'after kill -9 the terminal is an ordinary one: nothing but erase-to-end-of-line was sent to it',
  async (t) => {
    const Bucket = await makeBucket(t)
    const go = join(t.testdir(), 'go')
    const script = `echo begin >&2; head -c 6000000 /dev/zero; wait_for ${go}; kill -9 $PPID`
    const { shows, ended } = startOnTerminal([`s3://${Bucket}/k`, ...shell(script)], { columns: 60 })
    await shows(DRAWN)
    writeFileSync(go, '')
    const { code, output, screen } = await ended
    t.equal(code, 137)
    t.same([...new Set(output.match(/␛(\[[\d;?]*)?./g))], ['␛[K'])
    t.match(screen, ['begin', /B\/s/])
  },
)

terminalTest(
  'at most five lines a second are drawn, however much the producer prints, and its upload goes on',
  async (t) => {
    const Bucket = await makeBucket(t)
    const script = 'seq 300000 >&2; head -c 6000000 /dev/zero; seq 300000 >&2; head -c 6000000 /dev/zero'
    const start = performance.now()
    const { code, output } = await onTerminal([`s3://${Bucket}/k`, ...shell(script)], { columns: 100 })
    t.equal(code, 0)
    t.ok(drawnLines(output).length <= 1 + (performance.now() - start) / 200)
    const numbers = Array.from({ length: 300_000 }, (_, i) => `${i + 1}\n`).join('')
    const plain = output.replace(/\r[^\r\n]*␛\[K/g, '').replaceAll('\r', '')
    t.ok(plain.startsWith(numbers + numbers), 'all of its output is there')
    t.equal((await head(Bucket, 'k'))?.ContentLength, 12_000_000)
  },
)
