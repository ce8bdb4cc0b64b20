import t from 'tap'
import { checkOptions } from '../../../lib/options/check.js'
import { KNOWN_PARAMETERS, similarName } from '../../../lib/options/known-parameters.js'
import type { S3WritableOptions } from '../../../lib/options/types.js'
import { processWarnings } from '../../support/warnings.js'

const client = { send: async () => {}, config: {} }
const check = (options: object): unknown =>
  checkOptions({ client, Bucket: 'b', Key: 'k', ...options } as S3WritableOptions)

t.test('a misspelt S3 parameter is refused with the name that was probably meant', async (t) => {
  for (const [name, meant] of [
    ['ServerSideEncyption', 'ServerSideEncryption'],
    ['serverSideEncryption', 'ServerSideEncryption'],
    ['contentType', 'ContentType'],
    ['ContenType', 'ContentType'],
    ['StorageClas', 'StorageClass'],
    ['IfNoneMtach', 'IfNoneMatch'],
    ['SSEKMSKeyID', 'SSEKMSKeyId'],
    ['metadata', 'Metadata'],
    ['PartSize', 'partSize'],
    ['expectedsize', 'expectedSize'],
  ] as const) {
    const message = new RegExp(`^Unknown option "${name}"\\. Did you mean "${meant}"\\? `)
    t.throws(() => check({ [name]: 'a-secret' }), { code: 'ERR_INVALID_ARG_VALUE', message }, name)
  }
})

t.test('no known name is similar to itself only by chance: each is accepted as it is written', async (t) => {
  for (const name of Object.keys(KNOWN_PARAMETERS)) {
    t.equal(similarName(name, Object.keys(KNOWN_PARAMETERS)), name)
  }
})

t.test('a parameter that a newer SDK may have is passed on, and a process warning names it once', async (t) => {
  // Node 26 adds a warning of its own about the hooks of the test runner.
  const warnings = processWarnings(t, ({ message }) => message.includes('s3-writable'))
  for (const name of ['ChecksumSHA1024', 'ObjectColour', 'ChecksumSHA1024']) check({ [name]: 'a-secret' })
  await new Promise((resolve) => setImmediate(resolve))
  t.match(
    warnings.map(({ message }) => message),
    [/^s3-writable does not know the S3 parameter "ChecksumSHA1024"\. /, /"ObjectColour"/],
  )
  t.equal(warnings.length, 2)
  t.notMatch(String(warnings), /a-secret/)
})
