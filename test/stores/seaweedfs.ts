import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './runner/install.js'
import { dataFolder, freePorts, startStore } from './runner/start.js'
import { KEYS, type Store } from './runner/store.js'

const MODULE = 'github.com/seaweedfs/seaweedfs/weed'
/** Of SeaweedFS 4.53. */
const VERSION = 'v0.0.0-20261109003541-7506e5f91cd6'

/** https://github.com/seaweedfs/seaweedfs */
export const seaweedfs: Store = {
  name: 'seaweedfs',
  title: 'SeaweedFS',
  version: '4.53',
  limits: [
    {
      answer:
        'ListParts shows no checksums, and Complete without them is 400 InvalidRequest: `resumePoint` returns the offset 0, except to a client with `WHEN_REQUIRED`',
      checks: [
        'a point of an UploadId is where the upload continues',
        'a point of a key is where its upload continues',
      ],
    },
  ],
  install: (folder) => {
    if (existsSync(join(folder, 'weed'))) return
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    // `go install` refuses a module whose go.mod has a replacement.
    run('go', ['mod', 'init', 'stores'], { cwd: folder })
    run('go', ['get', '-tool', `${MODULE}@${VERSION}`], { cwd: folder })
    const replacement = 'github.com/tyler-smith/go-bip39=github.com/cosmos/go-bip39@v1.0.0'
    run('go', ['mod', 'edit', '-replace', replacement], { cwd: folder })
    run('go', ['build', '-mod=mod', '-o', 'weed', MODULE], { cwd: folder })
  },
  start: async (place) => {
    const names = ['s3', 'master', 'volume', 'filer']
    const ports = await freePorts(2 * names.length)
    const [port = 0] = ports
    const command = [
      join(place.installed, 'weed'),
      'mini',
      `-dir=${dataFolder(place)}`,
      '-ip=127.0.0.1',
      '-ip.bind=127.0.0.1',
      ...names.flatMap((name, i) => [`-${name}.port=${ports[i]}`, `-${name}.port.grpc=${ports[names.length + i]}`]),
      '-s3.port.iceberg=0',
      '-s3.port.lance=0',
      '-s3.autoCreateBucket=false',
      '-webdav=false',
      '-admin.ui=false',
      '-master.telemetry=false',
    ]
    const env = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey }
    const store = await startStore('SeaweedFS', command, place, { port, env, ...KEYS })
    const stop = async (): Promise<void> => {
      await store.stop()
      removeSockets(ports)
    }
    return { ...store, stop }
  },
}

/** Removes the sockets that SeaweedFS makes beside its ports, and leaves when it is killed. */
function removeSockets(ports: number[]): void {
  const isOurs = new RegExp(`^seaweedfs-.*-(${ports.join('|')})\\.sock$`)
  for (const name of readdirSync('/tmp')) if (isOurs.test(name)) rmSync(join('/tmp', name), { force: true })
}
