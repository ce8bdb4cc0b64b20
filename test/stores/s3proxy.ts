import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jarOf, mavenJar } from './runner/install.js'
import { CUSTOMER_KEY, ENCRYPTION, TAGGING } from './runner/limits.js'
import { dataFolder, freePorts, startStore } from './runner/start.js'
import { KEYS, type Store } from './runner/store.js'

const ARTIFACT = 'org.gaul:s3proxy:4.1.0:jar:jar-with-dependencies'

/** https://github.com/gaul/s3proxy, in front of a folder. */
export const s3proxy: Store = {
  name: 's3proxy',
  title: 'S3Proxy',
  version: '4.1.0',
  limits: [
    {
      answer: 'UploadPart after the abort stores the part, and nothing can remove it',
      checks: ['a stream destroyed before its parts arrive leaves nothing'],
    },
    {
      answer: 'a part that is on the way when an upload fails may be stored for ever',
      sometimes: true,
      checks: [
        'a source that fails while parts are sent publishes nothing',
        'a source that fails behind two stored parts publishes nothing',
        'a failed upload leaves the old object as it was',
        'a stream that is shorter than its ContentLength publishes nothing',
        'a stream destroyed while parts are sent leaves nothing',
        'an AbortSignal at any moment leaves the object or nothing',
        'the command uploads what another command prints',
      ],
    },
    {
      answer: 'UploadPart and Complete of an upload that no longer exists: 200',
      checks: ['resume of a completed upload is refused, and its object stays'],
    },
    { answer: '`ChecksumType: FULL_OBJECT`: 501 NotImplemented', checks: ['ChecksumType FULL_OBJECT makes an object'] },
    {
      answer: '`Tagging`: 501 NotImplemented',
      checks: TAGGING,
    },
    {
      answer: 'encryption, SSE-C too: 501 NotImplemented',
      checks: [...ENCRYPTION, ...CUSTOMER_KEY],
    },
  ],
  install: (folder) => mavenJar(folder, ARTIFACT),
  start: async (place) => {
    const [port = 0] = await freePorts(1)
    const properties = {
      's3proxy.authorization': 'aws-v2-or-v4',
      's3proxy.endpoint': `http://127.0.0.1:${port}`,
      's3proxy.identity': KEYS.accessKeyId,
      's3proxy.credential': KEYS.secretAccessKey,
      'jclouds.provider': 'filesystem-nio2',
      'jclouds.filesystem.basedir': dataFolder(place),
    }
    const file = join(place.data, 's3proxy.conf')
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`)
    writeFileSync(file, lines.join(''))
    const command = ['java', '-jar', join(place.installed, jarOf(ARTIFACT)), '--properties', file]
    return await startStore('S3Proxy', command, place, { port, ...KEYS })
  },
}
