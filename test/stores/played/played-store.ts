import { readFileSync } from 'node:fs'
import { minio } from '../minio.js'
import { KEYS, type Store } from '../runner/store.js'
import { startPlayer } from './player.js'
import type { Rules } from './rules.js'

/** A store that cannot run here. A player in front of MinIO follows its rules, as far as they are known. */
export function playedStore(store: Omit<Store, 'version' | 'install' | 'start'>, rules: Rules): Store {
  return {
    ...store,
    version: 'played, 2026-11',
    install: () => {},
    start: async (place) => {
      const { endpoint, stop, ...keys } = await minio.start(place)
      const behind = { endpoint, keys, ca: readFileSync(place.certificate.cert) }
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
