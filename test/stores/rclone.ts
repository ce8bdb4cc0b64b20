import { join } from 'node:path'
import { goInstall } from './runner/install.js'
import { CUSTOMER_KEY, DROPS_ENCRYPTION } from './runner/limits.js'
import { dataFolder, freePorts, startStore } from './runner/start.js'
import { KEYS, type Store } from './runner/store.js'

/** https://rclone.org/commands/rclone_serve_s3/ */
export const rclone: Store = {
  name: 'rclone',
  title: 'rclone serve s3',
  version: '1.76.0',
  limits: [
    DROPS_ENCRYPTION,
    {
      answer: 'SSE-C: 501 NotImplemented',
      checks: CUSTOMER_KEY,
    },
    {
      answer: 'UploadPart of a part that is stored: 501 NotImplemented, so a changed part cannot be sent again',
      checks: ['resume sends a part again that has changed'],
    },
  ],
  install: (folder) => goInstall(folder, 'github.com/rclone/rclone', 'v1.76.0'),
  start: async (place) => {
    const [port = 0] = await freePorts(1)
    const keys = `${KEYS.accessKeyId},${KEYS.secretAccessKey}`
    const command = [join(place.installed, 'rclone'), 'serve', 's3', '--addr', `127.0.0.1:${port}`, '--auth-key', keys]
    const env = { RCLONE_CONFIG: join(place.data, 'rclone.conf'), RCLONE_CACHE_DIR: dataFolder(place, 'cache') }
    return await startStore('rclone', [...command, dataFolder(place)], place, { port, env, ...KEYS })
  },
}
