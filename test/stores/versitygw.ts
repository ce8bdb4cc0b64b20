import { join } from 'node:path'
import { goInstall } from './runner/install.js'
import { DROPS_CUSTOMER_KEY, DROPS_ENCRYPTION } from './runner/limits.js'
import { dataFolder, freePorts, startStore } from './runner/start.js'
import { KEYS, type Store } from './runner/store.js'

/** https://github.com/versity/versitygw. Its data needs a file system with extended attributes. */
export const versitygw: Store = {
  name: 'versitygw',
  title: 'versitygw',
  version: '1.8.0',
  limits: [DROPS_ENCRYPTION, DROPS_CUSTOMER_KEY],
  install: (folder) => goInstall(folder, 'github.com/versity/versitygw/cmd/versitygw', 'v1.8.0'),
  start: async (place) => {
    const [port = 0] = await freePorts(1)
    const command = [join(place.installed, 'versitygw'), '--port', `127.0.0.1:${port}`, '--quiet', 'posix']
    const env = { ROOT_ACCESS_KEY: KEYS.accessKeyId, ROOT_SECRET_KEY: KEYS.secretAccessKey }
    return await startStore('versitygw', [...command, dataFolder(place)], place, { port, env, ...KEYS })
  },
}
