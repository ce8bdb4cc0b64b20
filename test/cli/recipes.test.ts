import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { parse } from 'yaml'
import { codes, DATA, FAILURES, failsWell, type Machine, machine, run } from '../support/backup-machine.js'
import { MiB, sha256 } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { hasPrograms } from '../support/recipe.js'
import { s3Env } from '../support/run-program.js'
import { read, s3Client, stored, unfinishedUploads } from '../support/store.js'
import { unfinishedUpload } from '../support/unfinished-upload.js'

t.test(
  'every command line of the page uploads what its producer writes, and nothing if the producer fails',
  async (t) => {
    const computer = await machine(t)
    const { here, Bucket, folder, PATH } = computer
    const env = { ...s3Env, PATH }
    const lines = codes('bash').flatMap((code) => code.trim().split('\n'))
    t.ok(lines.length >= 8)
    for (const line of lines) {
      const words = ['bash', '-c', here(line)]
      const { code, stderr } = await run(words, env)
      if (!t.equal(code, 0, line)) t.comment(stderr)
      if (line.includes(' -- ')) await failsWell(t, computer, words, env)
    }
    const objects = await computer.objects()
    const keys = objects.map((object) => object.split(' ')[0]?.replace(/\d{4}-\d\d-\d\d/, 'DATE') ?? '')
    const key = (name: string): string => objects[keys.indexOf(name)]?.split(' ')[0] ?? name
    t.same(keys.sort(), [
      'app-1.4.tar.gz',
      'app-DATE.dump',
      'app-DATE.sql.gz',
      'disk.img',
      'home-DATE.zfs',
      'photos-DATE.tar.gz',
    ])
    objects.sort()
    for (const plain of ['app-DATE.dump', 'home-DATE.zfs', 'disk.img']) {
      t.same(await stored(Bucket, key(plain)), { sha256: sha256(DATA), size: DATA.length }, plain)
    }
    for (const zipped of ['app-1.4.tar.gz', 'app-DATE.sql.gz']) {
      t.equal(sha256(gunzipSync(await read(Bucket, key(zipped)))), sha256(DATA), zipped)
    }
    const archive = await read(Bucket, key('photos-DATE.tar.gz'))
    t.equal(`${execFileSync('tar', ['-tz'], { input: archive })}`, 'photos/\nphotos/a.jpg\n')
    t.match(JSON.parse(readFileSync(join(folder, 'log/backup.jsonl'), 'utf8')), {
      Bucket,
      Key: 'disk.img',
      size: 20 * MiB,
    })
    for (const name of Object.keys(FAILURES)) t.ok(existsSync(join(folder, 'log', name)), `${name} has run`)
  },
)

/** The variables and the commands of the crontab, as cron reads them. */
function crontab({ here }: Machine): { variables: Record<string, string>; commands: string[] } {
  const variables: Record<string, string> = {}
  const commands: string[] = []
  for (const line of codes('crontab').join('').trim().split('\n').map(here)) {
    const [, name, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (name !== undefined) variables[name] = value
    else {
      const [, command = ''] = /^(?:[\d*]+ ){5}(.*)$/.exec(line) ?? []
      if (/(?<!\\)%/.test(command)) throw new Error(`cron cuts the command at %: ${command}`)
      commands.push(command.replaceAll('\\%', '%'))
    }
  }
  return { variables, commands }
}

t.test('the lines of the crontab print nothing on success, and run in the environment of cron', async (t) => {
  if (!hasPrograms(t, 'flock')) return
  const computer = await machine(t)
  const { variables, commands } = crontab(computer)
  t.same(Object.keys(variables), ['SHELL', 'PATH', 'MAILTO'])
  const env = { ...variables, HOME: computer.folder, LOGNAME: 'backup' }
  const shell = (command: string): string[] => [variables.SHELL ?? '', '-c', command]
  t.equal(commands.length, 3)
  for (const command of commands) t.same(await run(shell(command), env), { code: 0, stdout: '', stderr: '' }, command)
  const [dump = '', , abort = ''] = commands
  const keys = (await computer.objects()).map((object) => object.split(' ')[0])
  t.match(keys, [/^app-\d{4}-\d\d-\d\d\.dump$/, 'disk.img'])
  await failsWell(t, computer, shell(dump), env)

  const [, lock = ''] = /flock -n (\S+)/.exec(dump) ?? []
  const holder = spawn('flock', ['-n', lock, 'sh', '-c', 'echo; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  t.same(await run(shell(dump), env), { code: 1, stdout: '', stderr: '' }, 'the lock is taken')
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  holder.stdin.destroy()

  await unfinishedUpload(s3Client(t), computer.Bucket, {}, { Key: 'young' })
  t.same(await run(shell(abort), env), { code: 0, stdout: '', stderr: '' })
  t.equal((await unfinishedUploads(computer.Bucket)).length, 1, 'an upload of less than a week is kept')
  await run(shell(abort.replace('7d', '0s')), env)
  t.same(await unfinishedUploads(computer.Bucket), [], 'an older one is removed')
})

t.test('the crontab’s line for a disk continues what a failure or a crash has left', async (t) => {
  if (!hasPrograms(t, 'flock')) return
  let refuses = false
  const proxy = await faultProxy(t, {
    fault: ({ PartNumber }) => (refuses && PartNumber === 3 ? denied : undefined),
  })
  const computer = await machine(t, proxy.url)
  const { variables, commands } = crontab(computer)
  const line = [variables.SHELL ?? '', '-c', commands[1] ?? '']
  const { Bucket } = computer
  await unfinishedUpload(s3Client(t), Bucket, { 1: DATA.subarray(0, 8 * MiB) }, { Key: 'disk.img' })
  refuses = true
  const failed = await run(line, variables)
  t.match(failed, {
    code: 1,
    stdout: '',
    stderr: /AccessDenied.*To resume, run the same command again, or this with the same input: s3-writable/,
  })
  t.same(await computer.objects(), [])
  t.equal((await unfinishedUploads(Bucket)).length, 1)
  refuses = false
  t.same(await run(line, variables), { code: 0, stdout: '', stderr: '' })
  t.same(await stored(Bucket, 'disk.img'), { sha256: sha256(DATA), size: DATA.length })
  t.notOk(proxy.parts().includes(1), 'the stored part is never sent again')
  t.same(await unfinishedUploads(Bucket), [])
})

/** A line of a unit as systemd runs it: its specifiers and escapes replaced, and cut into words. */
function execStart(unit: string, instance = ''): string[] {
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? []
  const specifiers: Record<string, string> = { '%%': '%', '%i': instance, $$: '$' }
  const plain = line.replaceAll(/%.|\$\$|\$/g, (found) => {
    const replaced = specifiers[found]
    if (replaced === undefined) throw new Error(`systemd would replace ${found} in ${line}`)
    return replaced
  })
  return [...plain.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '')
}

t.test('the systemd units run, report a failure, and remove their parts when they are stopped', async (t) => {
  const computer = await machine(t)
  const { folder, PATH, variables, producersMay, Bucket } = computer
  const units = new Map<string, string>()
  for (const code of codes('ini')) {
    const [, name] = /^# \/etc\/systemd\/system\/(\S+)\n/.exec(code) ?? []
    if (name !== undefined) units.set(name, computer.here(code))
  }
  t.same([...units.keys()], ['backup-app.service', 'backup-app.timer', 'report-failure@.service'])
  const service = units.get('backup-app.service') ?? ''
  t.match(service, `EnvironmentFile=${folder}/etc/s3-writable.env\n`)
  const env = { ...variables, PATH }
  const words = execStart(service)
  t.same(await run(words, env), { code: 0, stdout: '', stderr: '' })
  t.match((await computer.objects())[0], /^app-\d{4}-\d\d-\d\d\.dump /)
  await failsWell(t, computer, words, env)

  producersMay('hang')
  const [program = '', ...args] = words
  const running = spawn(program, args, { env, stdio: 'ignore' })
  while ((await unfinishedUploads(Bucket)).length === 0) await sleep(50)
  running.kill('SIGTERM')
  t.same(await once(running, 'exit'), [143, null])
  t.same(await unfinishedUploads(Bucket), [])

  t.match(service, '\nOnFailure=report-failure@%n.service\n')
  const report = execStart(units.get('report-failure@.service') ?? '', 'backup-app.service')
  t.equal((await run(report, env)).code, 0)
  const mail = readFileSync(join(folder, 'log/mail'), 'utf8')
  t.match(mail, /^mail -s backup-app\.service has failed \S+@\S+\njournal --unit=backup-app\.service /)

  if (!hasPrograms(t, 'systemd-analyze')) return
  mkdirSync(join(folder, 'units'))
  const files = [...units].map(([name, unit]) => {
    const file = join(folder, 'units', name)
    writeFileSync(file, unit)
    return file
  })
  // Its warnings about units of this machine do not name the folder.
  const { stderr } = await run(['systemd-analyze', 'verify', ...files], { PATH: process.env.PATH })
  t.notMatch(stderr, /backup-app|report-failure/)
})

t.test('the Kubernetes CronJob runs, and its fields fit together', async (t) => {
  const computer = await machine(t)
  const [yaml = ''] = codes('yaml')
  const { kind, spec } = parse(computer.here(yaml), { strict: true })
  t.equal(kind, 'CronJob')
  t.match(spec, { schedule: /^(\S+ ){4}\S+$/, concurrencyPolicy: 'Forbid' })
  const job = spec.jobTemplate.spec
  // Kubernetes refuses a podFailurePolicy with another restartPolicy.
  t.match(job, { podFailurePolicy: { rules: [{ action: 'FailJob' }] }, template: { spec: { restartPolicy: 'Never' } } })
  t.same(job.podFailurePolicy.rules[0].onExitCodes.values, [2])
  const [{ command, args, env }] = job.template.spec.containers
  // Kubernetes replaces $(NAME) and $$ itself.
  t.notMatch(args.join(' '), /\$\(\w+\)|\$\$/)
  t.same(env, [{ name: 'AWS_REGION', value: 'eu-central-1' }])
  const words = [...command, ...args]
  const variables = { ...computer.variables, PATH: computer.PATH }
  t.same(await run(words, variables), { code: 0, stdout: '', stderr: '' })
  await failsWell(t, computer, words, variables)
  t.equal((await run([...command, 's3-writable --no-such-option'], variables)).code, 2)
})
