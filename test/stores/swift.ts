import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ServerProcess, startServer, untilReady } from '../support/server-process.js'
import { aptInstall } from './runner/install.js'
import { DROPS_CUSTOMER_KEY, ENCRYPTION, TAGGING } from './runner/limits.js'
import { acceptsConnections, dataFolder, freePorts } from './runner/start.js'
import type { Store } from './runner/store.js'

const SERVICES = ['account', 'container', 'object']
/** Debian's Python, which has Debian's Swift. */
const PYTHON = '/usr/bin/python3'
/** Runs a server of Swift. The programs of Swift read /etc/swift/swift.conf before their own configuration. */
const PROGRAM = `import sys
from swift.common import utils
utils.set_swift_dir(sys.argv[1])
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(sys.argv[2], sys.argv[3]))`

/** https://docs.openstack.org/swift/2023.1/s3_compat.html, with one device for each service. */
export const swift: Store = {
  name: 'swift',
  title: 'OpenStack Swift s3api',
  version: '2.30.1',
  limits: [
    {
      answer: 'PutObject with `IfNoneMatch`: 501 NotImplemented',
      checks: [
        'IfNoneMatch keeps the existing object, small object',
        'IfNoneMatch makes a new object, small object',
        'PutObject with IfNoneMatch whose first answer is lost succeeds',
      ],
    },
    {
      answer: 'Complete with `IfNoneMatch` of an existing key: 412 with the code InvalidRequest',
      checks: ['IfNoneMatch keeps the existing object, large object'],
    },
    {
      answer: 'ListParts gives the parts of a completed upload for ever, so it can be resumed',
      checks: ['resume of a completed upload is refused, and its object stays'],
    },
    {
      answer: '`Tagging`: 501 NotImplemented',
      checks: TAGGING,
    },
    {
      answer: '`ServerSideEncryption`: 501 NotImplemented',
      checks: ENCRYPTION,
    },
    DROPS_CUSTOMER_KEY,
  ],
  install: () => aptInstall('/usr/bin/swift-proxy-server', ['swift-proxy', ...SERVICES.map((name) => `swift-${name}`)]),
  start: async (place) => {
    const { data, log } = place
    const folder = dataFolder(place, 'etc')
    dataFolder(place, 'devices/d1')
    const [port = 0, ...ports] = await freePorts(1 + SERVICES.length)
    writeFileSync(join(folder, 'swift.conf'), SWIFT)
    const servers: ServerProcess[] = []
    const stop = async (): Promise<void> => {
      for (const server of servers) await server.stop()
    }
    const startAt = async (port: number, name: string, configuration: string): Promise<void> => {
      const file = join(folder, `${name}.conf`)
      writeFileSync(file, configuration)
      const server = startServer([PYTHON, '-c', PROGRAM, folder, file, `${name}-server`], { folder: data, log })
      servers.push(server)
      await untilReady(`Swift's ${name} server (see ${log})`, server, () => acceptsConnections(port), 60)
    }
    try {
      for (const [i, name] of SERVICES.entries()) {
        makeRing(folder, name, ports[i] as number)
        await startAt(ports[i] as number, name, service(name, ports[i] as number, data))
      }
      await startAt(port, 'proxy', proxy(port, folder))
    } catch (error) {
      await stop()
      throw error
    }
    const keys = { accessKeyId: 'test:tester', secretAccessKey: 'testing' }
    return { endpoint: `http://127.0.0.1:${port}`, ...keys, stop }
  },
}

/** A ring of 2⁴ partitions, one replica and one device. */
function makeRing(folder: string, name: string, port: number): void {
  const builder = `${name}.builder`
  const steps = [['create', '4', '1', '1'], ['add', `r1z1-127.0.0.1:${port}/d1`, '1'], ['rebalance']]
  for (const [step = '', ...args] of steps) {
    execFileSync('swift-ring-builder', [builder, step, ...args], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
}

const SWIFT = `[swift-hash]
swift_hash_path_suffix = s
swift_hash_path_prefix = p
[swift-constraints]
max_header_size = 16384
max_meta_name_length = 128
`

function defaults(port: number, folder: string): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
swift_dir = ${folder}
user = ${process.env.USER ?? 'root'}
workers = 0
log_level = WARNING
`
}

function service(name: string, port: number, data: string): string {
  return `${defaults(port, join(data, 'etc'))}devices = ${join(data, 'devices')}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
[pipeline:main]
pipeline = ${name}-server
[app:${name}-server]
use = egg:swift#${name}
`
}

/** The filters of the proxy server in their order, and the settings of those that have any. */
const FILTERS = {
  catch_errors: '',
  gatekeeper: '',
  cache: 'memcache_servers = 127.0.0.1:1',
  listing_formats: '',
  bulk: '',
  s3api: `location = us-east-1
s3_acl = false
check_bucket_owner = false
max_upload_part_num = 10000`,
  tempauth: 'user_test_tester = testing .admin',
  slo: '',
  dlo: '',
  versioned_writes: 'allow_object_versioning = true',
  symlink: '',
}

function proxy(port: number, folder: string): string {
  const filters = Object.entries(FILTERS).map(([name, settings]) => {
    return `[filter:${name}]\nuse = egg:swift#${name === 'cache' ? 'memcache' : name}\n${settings}\n`
  })
  return `${defaults(port, folder)}[pipeline:main]
pipeline = ${Object.keys(FILTERS).join(' ')} proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
${filters.join('')}`
}
