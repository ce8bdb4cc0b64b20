import { join } from 'node:path'
import { pipInstall } from './runner/install.js'
import { ACCEPTS_ANY_SECRET } from './runner/limits.js'
import { dataFolder, freePorts, startStore } from './runner/start.js'
import { KEYS, type Store } from './runner/store.js'

/** https://pypi.org/project/localstack-core/. Newer versions of the pinned packages break it. */
const PACKAGES = [
  'localstack-core[base-runtime]==4.14.0',
  'cbor2<5.8',
  'pyopenssl<25.2',
  'cryptography<46',
  'service_identity',
]

/** The folder of the objects, /tmp/localstack-s3-storage, cannot be set otherwise. */
const PROGRAM = `import sys
from localstack.services.s3 import provider
provider.DEFAULT_S3_TMP_DIR = sys.argv.pop()
from localstack.runtime.main import main
main()`

export const localstack: Store = {
  name: 'localstack',
  title: 'LocalStack',
  version: '4.14.0',
  // Whatever IPv4 address it is given, it listens on 0.0.0.0.
  ownNetwork: true,
  limits: [
    {
      answer: 'ListMultipartUploads says that it encodes the keys (`EncodingType`), and does not',
      checks: ['uploads of keys of any characters are listed and aborted'],
    },
    ACCEPTS_ANY_SECRET,
  ],
  install: (folder) => pipInstall(folder, 'bin/localstack-supervisor', PACKAGES, '3.13'),
  start: async (place) => {
    const [port = 0] = await freePorts(1)
    const env = {
      SERVICES: 's3',
      EAGER_SERVICE_LOADING: '1',
      DISABLE_EVENTS: '1',
      SKIP_SSL_CERT_DOWNLOAD: '1',
      FILESYSTEM_ROOT: dataFolder(place),
      // In a container, it would write to /var/lib/localstack.
      OVERRIDE_IN_DOCKER: '0',
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
    }
    const command = [join(place.installed, 'bin/python'), '-c', PROGRAM, dataFolder(place, 's3')]
    return await startStore('LocalStack', command, place, { port, env, ...KEYS })
  },
}
