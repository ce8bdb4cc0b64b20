import { join } from 'node:path'
import { pipInstall } from './runner/install.js'
import { ACCEPTS_ANY_SECRET } from './runner/limits.js'
import { freePorts, startStore } from './runner/start.js'
import type { Store } from './runner/store.js'

/** https://pypi.org/project/ministack/ */
export const ministack: Store = {
  name: 'ministack',
  title: 'MiniStack',
  version: '1.5.33',
  limits: [
    ACCEPTS_ANY_SECRET,
    {
      answer: '`ChecksumType: FULL_OBJECT` with the right CRC-32: 400 BadDigest',
      checks: ['ChecksumType FULL_OBJECT makes an object'],
    },
    { answer: '`Tagging` of a large object is dropped', checks: ['Tagging is kept, large object'] },
  ],
  install: (folder) => pipInstall(folder, 'bin/ministack', ['ministack==1.5.33']),
  start: async (place) => {
    const [port = 0] = await freePorts(1)
    const env = {
      AUTH: 'true',
      SERVICES: 's3',
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
    }
    const keys = { accessKeyId: 'test', secretAccessKey: 'test' }
    return await startStore('MiniStack', [join(place.installed, 'bin/ministack')], place, { port, env, ...keys })
  },
}
