import { findMinio, MINIO_VERSION } from '../support/servers.js'
import type { Store } from './runner/store.js'

/** As `npm test` finds, builds and starts it, with TLS. */
export const minio: Store = {
  name: 'minio',
  title: 'MinIO',
  version: MINIO_VERSION.replace(/^.*-(\d{4})(\d\d)(\d\d)\d+-.*$/, '$1-$2-$3'),
  limits: [],
  install: () => {},
  start: async ({ certificate }) => {
    const start = await findMinio()
    const { env, stop } = await start(certificate)
    const { S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = env
    return { endpoint: S3_ENDPOINT, accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY, stop }
  },
}
