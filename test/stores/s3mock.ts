import { join } from 'node:path'
import { jarOf, mavenJar } from './runner/install.js'
import { dataFolder, freePorts, startStore } from './runner/start.js'
import { KEYS, type Store } from './runner/store.js'

const ARTIFACT = 'com.adobe.testing:s3mock:5.2.0:jar:exec'

/** https://github.com/adobe/S3Mock. It needs Java 17. */
export const s3mock: Store = {
  name: 's3mock',
  title: 'Adobe S3Mock',
  version: '5.2.0',
  // Its connector for HTTP cannot be given an address.
  ownNetwork: true,
  limits: [],
  install: (folder) => mavenJar(folder, ARTIFACT),
  start: async (place) => {
    const [port = 0, https = 0] = await freePorts(2)
    const jar = join(place.installed, jarOf(ARTIFACT))
    const settings = [`--http.port=${port}`, `--server.port=${https}`, '--server.address=127.0.0.1']
    const data = `--com.adobe.testing.s3mock.store.root=${dataFolder(place)}`
    const command = ['java', `-Djava.io.tmpdir=${dataFolder(place, 'tmp')}`, '-jar', jar, ...settings, data]
    return await startStore('S3Mock', command, place, { port, ...KEYS })
  },
}
