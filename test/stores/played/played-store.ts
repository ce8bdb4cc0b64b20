import { readFileSync } from 'node:fs'
import { findMinio } from '../../support/servers.js'
import { KEYS, type Store } from '../runner/store.js'
import { startPlayer } from './player.js'
import type { Rules } from './rules.js'

/** A store that cannot run here. A player in front of MinIO follows its rules, as far as they are known. */
export function playedStore(store: Omit<Store, 'version' | 'install' | 'start'>, rules: Rules): Store {
  return {
    ...store,
    version: 'played, 2026-11',
    install: () => {},
    start: async ({ certificate }) => {
      const start = await findMinio()
      const { env, stop } = await start(certificate)
      const { S3_ENDPOINT: endpoint, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env
      const behind = { endpoint, keys: { accessKeyId, secretAccessKey }, ca: readFileSync(certificate.cert) }
      const player = await startPlayer(rules, KEYS, behind)
      return {
        endpoint: player.endpoint,
        ...KEYS,
        stop: async () => {
          player.close()
          await stop()
        },
      }
    },
  }
}
