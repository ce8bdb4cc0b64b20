import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ServerProcess, startServer, untilReady } from '../support/server-process.js'
import { aptInstall } from './runner/install.js'
import { DROPS_ENCRYPTION } from './runner/limits.js'
import { answersHttp, dataFolder, freePorts } from './runner/start.js'
import { KEYS, type Place, type Store } from './runner/store.js'

/** https://docs.ceph.com/en/pacific/radosgw/, with one monitor and one OSD that keeps its data in memory. */
export const ceph: Store = {
  name: 'ceph',
  title: 'Ceph RGW',
  version: '16.2.15',
  limits: [
    {
      answer: 'Complete ignores `IfNoneMatch`: the existing object is overwritten',
      checks: ['IfNoneMatch keeps the existing object, large object'],
    },
    { answer: '`Tagging` of a large object is dropped', checks: ['Tagging is kept, large object'] },
    DROPS_ENCRYPTION,
    {
      answer: 'ListMultipartUploads encodes the keys and does not say so (no `EncodingType`)',
      checks: ['uploads of keys of any characters are listed and aborted'],
    },
  ],
  install: () => aptInstall('/usr/bin/radosgw', ['ceph-mon', 'ceph-osd', 'ceph-common', 'radosgw']),
  start: async (place) => {
    const [port = 0, monitor = 0] = await freePorts(2)
    const fsid = randomUUID()
    const { data } = place
    for (const name of ['mon', 'osd', 'run', 'log']) dataFolder(place, name)
    const file = join(data, 'ceph.conf')
    writeFileSync(file, configuration({ data, fsid, port, monitor }))
    const servers: ServerProcess[] = []
    const stop = async (): Promise<void> => {
      for (const server of servers.toReversed()) await server.stop()
    }
    const once = (command: string, ...args: string[]): string => output(place, command, args)
    const start = (command: string, ...args: string[]): ServerProcess => {
      const server = startServer([command, '-c', file, '-f', ...args], { folder: data, log: place.log })
      servers.push(server)
      return server
    }
    try {
      const map = join(data, 'monmap')
      once('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', `[v2:127.0.0.1:${monitor}]`, map)
      once('ceph-mon', '-c', file, '--mkfs', '-i', 'a', '--monmap', map)
      start('ceph-mon', '-i', 'a')
      once('ceph', '-c', file, '--connect-timeout', '20', 'osd', 'create', fsid, '0')
      once('ceph-osd', '-c', file, '-i', '0', '--mkfs', '--osd-uuid', fsid)
      const osd = start('ceph-osd', '-i', '0')
      await untilReady('The OSD of Ceph', osd, async () => / 1 up/.test(once('ceph', '-c', file, 'osd', 'stat')))
      const { accessKeyId, secretAccessKey } = KEYS
      const keys = [`--access-key=${accessKeyId}`, `--secret-key=${secretAccessKey}`]
      once('radosgw-admin', '-c', file, 'user', 'create', '--uid=test', '--display-name=test', ...keys)
      const endpoint = `http://127.0.0.1:${port}`
      await untilReady('radosgw', start('radosgw', '-n', 'client.rgw.a'), () => answersHttp(endpoint), 60)
      return { endpoint, ...KEYS, stop }
    } catch (error) {
      await stop()
      throw error
    }
  },
}

/** Runs a command to its end, and returns its output. */
function output({ log }: Place, command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
  } catch (error) {
    appendFileSync(log, String((error as { stderr?: string }).stderr))
    throw new Error(`${command} failed: see ${log}`)
  }
}

interface Ports {
  data: string
  fsid: string
  port: number
  monitor: number
}

/** https://docs.ceph.com/en/pacific/rados/configuration/ceph-conf/ */
function configuration({ data, fsid, port, monitor }: Ports): string {
  return `[global]
fsid = ${fsid}
mon host = v2:127.0.0.1:${monitor}
ms bind msgr1 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
paxos propose interval = 0.02
paxos min wait = 0.01
log file = ${data}/log/$name.log
run dir = ${data}/run
admin socket = ${data}/run/$name.asok
pid file = ${data}/run/$name.pid
crash dir = ${data}/log
[mon]
mon data = ${data}/mon
mon initial members = a
mon data avail crit = 1
mon data avail warn = 2
[osd]
osd data = ${data}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd class update on start = false
[client]
# The default is "secure", which needs cephx: radosgw hangs at its start without this line.
ms mon client mode = crc
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw data = ${data}/run
rgw rados pool pg num min = 4
rgw run sync thread = false
rgw crypt require ssl = false
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw gc processor max time = 5
`
}
