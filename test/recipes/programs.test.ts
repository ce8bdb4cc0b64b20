import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { S3Client } from '@aws-sdk/client-s3'
import { createClient } from 'redis'
import t from 'tap'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, MiB, sha256 } from '../support/bytes.js'
import { startPostgres } from '../support/postgres.js'
import { hasPrograms, PART_DENIED, partsDenied, runRecipe, startRecipe } from '../support/recipe.js'
import { freePort } from '../support/server-process.js'
import { head, makeBucket, read, stored, unfinishedUploads } from '../support/store.js'

t.test('ffmpeg: a video is uploaded while it is encoded, and can be played', async (t) => {
  if (!hasPrograms(t, 'ffmpeg', 'ffprobe')) return
  const Bucket = await makeBucket(t)
  const names = { webm: 'matroska,webm', mpegts: 'mpegts', mp4: 'mov,mp4,m4a,3gp,3g2,mj2' }
  const types = { webm: 'video/webm', mpegts: 'video/mp2t', mp4: 'video/mp4' }
  const folder = t.testdir()
  for (const [format, name] of Object.entries(names)) {
    const ran = await runRecipe('ffmpeg', ['testsrc=duration=3:size=640x360:rate=25', format, Bucket, format])
    t.match(ran, { code: 0, stderr: '' })
    t.equal((await head(Bucket, format))?.ContentType, types[format as keyof typeof types])
    const file = join(folder, format)
    writeFileSync(file, await read(Bucket, format))
    const probe = [
      '-v',
      'error',
      '-count_frames',
      '-show_entries',
      'format=format_name:stream=nb_read_frames',
      '-of',
      'json',
    ]
    const { format: probed, streams } = JSON.parse(`${execFileSync('ffprobe', [...probe, file])}`)
    t.equal(probed.format_name, name)
    t.equal(Number(streams[0].nb_read_frames), 75)
  }
  const wrong = await runRecipe('ffmpeg', ['/no/such/file', 'webm', Bucket, 'no'])
  t.match(wrong, { code: 1, stderr: /ffmpeg ended with code/ })
  await nothingIsLeft(t, Bucket, 'no')
})

t.test('ffmpeg: if ffmpeg is killed, there is no object', async (t) => {
  if (!hasPrograms(t, 'ffmpeg')) return
  const Bucket = await makeBucket(t)
  const child = startRecipe('ffmpeg', ['testsrc=size=1280x720:rate=50', 'mpegts', Bucket, 'k'])
  while ((await unfinishedUploads(Bucket, 'k')).length === 0) await sleep(50)
  execFileSync('pkill', ['-KILL', '-P', String(child.pid), 'ffmpeg'])
  const [code] = await once(child, 'exit')
  t.equal(code, 1)
  await nothingIsLeft(t, Bucket, 'k')
})

t.test(
  'redis-list: the elements of a list become one object, and there is none if the list changes meanwhile',
  async (t) => {
    if (!hasPrograms(t, 'redis-server')) return
    const Bucket = await makeBucket(t)
    const folder = mkdtempSync(join(tmpdir(), 's3-writable-redis-'))
    const port = await freePort()
    const url = `redis://127.0.0.1:${port}`
    const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder])
    t.teardown(async () => {
      server.kill()
      await once(server, 'exit')
      rmSync(folder, { recursive: true })
    })
    for await (const chunk of server.stdout) if (/ready to accept/i.test(String(chunk))) break
    const redis = await createClient({ url }).connect()
    t.teardown(() => redis.destroy())
    const elements = Array.from({ length: 5 }, (_, i) => bytes(6 * MiB, i))
    for (const element of elements) await redis.rPush('video', element)
    const data = Buffer.concat(elements)
    t.match(await runRecipe('redis-list', [url, 'video', Bucket, 'k']), { code: 0, stderr: '' })
    t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })

    const monitor = await redis.duplicate().connect()
    t.teardown(() => monitor.destroy())
    let changed: Promise<unknown> | undefined
    await monitor.monitor((line) => {
      if (/"LRANGE"/i.test(String(line))) changed ??= redis.lPush('video', 'more')
    })
    const result = await runRecipe('redis-list', [url, 'video', Bucket, 'no'])
    await changed
    t.match(result, { code: 1, stderr: /WatchError|watch/i })
    await nothingIsLeft(t, Bucket, 'no')
    t.match(await runRecipe('redis-list', [url, 'none', Bucket, 'no']), { code: 1, stderr: /There is no list none/ })
  },
)

t.test(
  'dump: the dump of a database is uploaded compressed, and there is no object if the database cannot be read',
  async (t) => {
    if (!hasPrograms(t, 'sqlite3')) return
    const Bucket = await makeBucket(t)
    const database = join(t.testdir(), 'db')
    const sql =
      'create table t(a); with recursive n(i) as (select 1 union all select i+1 from n where i<1000) insert into t select i from n;'
    execFileSync('sqlite3', [database, sql])
    t.match(await runRecipe('dump', [database, Bucket, 'k']), { code: 0, stderr: '' })
    t.match(await head(Bucket, 'k'), { ContentEncoding: 'gzip', ContentType: 'application/sql' })
    t.equal(`${gunzipSync(await read(Bucket, 'k'))}`, `${execFileSync('sqlite3', [database, '.dump'])}`)
    writeFileSync(database, bytes(100_000))
    t.match(await runRecipe('dump', [database, Bucket, 'no']), { code: 1, stderr: /The dump is incomplete/ })
    await nothingIsLeft(t, Bucket, 'no')
    t.match(await runRecipe('dump', [`${database}.no`, Bucket, 'no']), { code: 1, stderr: /sqlite3 ended with code/ })
    await nothingIsLeft(t, Bucket, 'no')
  },
)

t.test('postgres: the result of a query becomes a CSV, and there is none if the query or a part fails', async (t) => {
  const url = await startPostgres(t)
  if (url === undefined) return
  const Bucket = await makeBucket(t)
  // The 10,000th of the rows has `last`.
  const query = (last: string): string =>
    `SELECT i, repeat('x', 1000) AS x, CASE i WHEN 10000 THEN ${last} END AS last FROM generate_series(1, 10000) i`
  t.match(await runRecipe('postgres', [url, query('7'), Bucket, 'k']), { code: 0, stderr: '' })
  t.equal((await head(Bucket, 'k'))?.ContentType, 'text/csv')
  const rows = Array.from({ length: 10_000 }, (_, i) => `${i + 1},${'x'.repeat(1000)},${i === 9999 ? 7 : ''}\n`)
  t.ok((await read(Bucket, 'k')).equals(Buffer.from(`i,x,last\n${rows.join('')}`)), 'it has all rows')

  const failures = { '1 / (10000 - i)': /division by zero/, 'pg_terminate_backend(pg_backend_pid())': /terminating/ }
  for (const [last, stderr] of Object.entries(failures)) {
    t.match(await runRecipe('postgres', [url, query(last), Bucket, 'no']), { code: 1, stderr })
  }
  t.match(await runRecipe('postgres', [url, query('7'), Bucket, 'no'], '', await partsDenied(t)), PART_DENIED)
  await nothingIsLeft(t, Bucket, 'no')
})

t.test('a client for the region cn-northwest-1 uses the endpoint of that region', async (t) => {
  const client = new S3Client({ region: 'cn-northwest-1' })
  const endpoint = await client.config.endpointProvider({ Bucket: 'videos', Region: 'cn-northwest-1' }, {})
  t.equal(endpoint.url.hostname, 'videos.s3.cn-northwest-1.amazonaws.com.cn')
})
