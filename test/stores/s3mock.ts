import { join } from 'node:path'
import { jarOf, mavenJar } from './runner/install.js'
import { ACCEPTS_ANY_SECRET, atBothSizes, DROPS_CUSTOMER_KEY, TAGGING } from './runner/limits.js'
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
  limits: [
    ACCEPTS_ANY_SECRET,
    {
      answer: 'AbortMultipartUpload deletes the object that the key has',
      checks: [
        'a failed upload leaves the old object as it was',
        'IfNoneMatch keeps the existing object, large object',
      ],
    },
    {
      answer: 'ListParts shows no checksums, and Complete demands them: a point to resume from is the start',
      checks: [
        'a point of an UploadId is where the upload continues',
        'a point of a key is where its upload continues',
      ],
    },
    {
      answer: 'the space before a parameter of `ContentType` is dropped',
      checks: atBothSizes('parameters that describe the object are kept'),
    },
    {
      answer: '`Tagging` stays percent-encoded',
      checks: TAGGING,
    },
    {
      answer: '`ServerSideEncryption` of a large object is dropped',
      checks: ['ServerSideEncryption AES256 is kept, large object'],
    },
    DROPS_CUSTOMER_KEY,
  ],
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
