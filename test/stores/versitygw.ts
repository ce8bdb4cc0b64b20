import { join } from 'node:path'
import { goInstall } from './runner/install.js'
import { dataFolder, freePorts, startStore } from './runner/start.js'
import { KEYS, type Store } from './runner/store.js'

/** https://github.com/versity/versitygw. Its data needs a file system with extended attributes. */
export const versitygw: Store = {
  name: 'versitygw',
  title: 'versitygw',
  version: '1.8.0',
  limits: [
    {
      answer: '`ServerSideEncryption` is dropped',
      checks: [
        'ServerSideEncryption AES256 is kept, small object',
        'ServerSideEncryption AES256 is kept, large object',
      ],
    },
    {
      answer: 'SSE-C is dropped: the object is read without the key',
      checks: [
        "an object is encrypted with the customer's key, small object",
        "an object is encrypted with the customer's key, large object",
      ],
    },
  ],
  install: (folder) => goInstall(folder, 'github.com/versity/versitygw/cmd/versitygw', 'v1.8.0'),
  start: async (place) => {
    const [port = 0] = await freePorts(1)
    const command = [join(place.installed, 'versitygw'), '--port', `127.0.0.1:${port}`, '--quiet', 'posix']
    const env = { ROOT_ACCESS_KEY: KEYS.accessKeyId, ROOT_SECRET_KEY: KEYS.secretAccessKey }
    return await startStore('versitygw', [...command, dataFolder(place)], place, { port, env, ...KEYS })
  },
}
