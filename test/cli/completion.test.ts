import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeProgram } from '../../lib/cli/arguments.js'
import { manPage } from '../../lib/cli/man-page.js'
import { cli } from '../support/cli.js'
import { openShell } from '../support/interactive-shell.js'
import { hasPrograms } from '../support/recipe.js'

const program = makeProgram([])
const help = program.createHelp()
const commands = [program, ...help.visibleCommands(program)]
const flags = commands.flatMap((command) => help.visibleOptions(command).map(({ long }) => long as string))

/** What a user types, where `\t` is the Tab key, and the arguments that the command gets, cut at the = that zsh inserts. */
const TYPED: [keys: string, args: string[]][] = [
  ['--reg\tx', ['--region', 'x']],
  ['--storage-class DEEP\t', ['--storage-class', 'DEEP_ARCHIVE']],
  ['--storage-class=DEEP\t', ['--storage-class', 'DEEP_ARCHIVE']],
  ['--region x l\t --js\t', ['--region', 'x', 'ls', '--json']],
  ['abort s3://b/k --older\t 1d --y\t', ['abort', 's3://b/k', '--older-than', '1d', '--yes']],
  ['completion f\t', ['completion', 'fish']],
  ['help ab\t', ['help', 'abort']],
  ['s3://b/k -- unam\t -a', ['s3://b/k', '--', 'uname', '-a']],
  ['s3://b/k -- cat ./pho\t', ['s3://b/k', '--', 'cat', './photo-of-the-cat.jpg']],
  ['ls --partsi\ts3://b', ['ls', '--partsis3://b']],
]

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  t.test(`${shell} completes commands, options, values, and the producer after --`, async (t) => {
    const { code, stdout } = await cli(['completion', shell])
    t.equal(code, 0)
    for (const flag of flags) t.ok(stdout.includes(flag.slice(2)), flag)
    if (!hasPrograms(t, shell, 'script')) return
    const folder = t.testdir({ 'photo-of-the-cat.jpg': '' })
    const file = join(folder, 'completion')
    writeFileSync(file, stdout)
    const { type } = await openShell(t, shell, file, folder)
    for (const [keys, expected] of TYPED) {
      const args = await type(keys)
      t.same(
        args.flatMap((word) => word.split('=')),
        expected,
        JSON.stringify(keys),
      )
    }
  })
}

t.test('a completion for another shell is refused', async (t) => {
  t.match(await cli(['completion', 'csh']), { code: 2, stderr: /Allowed choices are bash, fish, zsh/ })
  t.match(await cli(['completion']), { code: 2, stderr: /missing required argument 'shell'/ })
})

t.test('the man page has every command, option and example of --help', async (t) => {
  const { code, stdout } = await cli(['man-page'])
  t.equal(code, 0)
  const text = stdout.replaceAll('\\-', '-').replaceAll('\\(aq', "'")
  for (const command of commands) if (command.name() !== 'help') t.ok(text.includes(help.commandUsage(command)))
  for (const flag of flags) t.ok(text.includes(flag), flag)
  t.match(text, /^ {2}s3-writable s3:\/\/videos\/talk\.webm -- ffmpeg/m)
  t.match(text, /^ {2}141 {2}standard output was closed/m)
  t.match(manPage(program, { examples: '', notes: '.profile' }), '\n\\&.profile\n', 'a line of text is no request')
  if (!hasPrograms(t, 'mandoc')) return
  const lint = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning'], { input: stdout, encoding: 'utf8' })
  t.equal(lint.stdout, '', 'mandoc has no warning')
})
