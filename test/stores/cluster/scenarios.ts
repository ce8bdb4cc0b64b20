import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterNode } from './cluster.js'
import type { ClusterUpload } from './uploads.js'

/** Something that happens to the cluster while uploads run. */
export interface Scenario {
  name: string
  /** Disturbs the cluster. Afterwards all nodes run again, although they may not be healthy yet. */
  disturb: (nodes: ClusterNode[], uploads: ClusterUpload[]) => Promise<void>
}

export const scenarios: Scenario[] = [
  {
    name: 'a node is killed and restarted',
    disturb: async ([, node], uploads) => {
      await untilUploaded(uploads, 1 / 4)
      await node?.kill()
      await untilUploaded(uploads, 1 / 2)
      node?.start()
    },
  },
  {
    name: 'a node is stopped and continued',
    disturb: async ([, , node], uploads) => {
      await untilUploaded(uploads, 1 / 4)
      node?.pause()
      await untilUploaded(uploads, 3 / 4)
      node?.continue()
    },
  },
  {
    name: 'a node is stopped, killed and restarted',
    disturb: async ([, , , node], uploads) => {
      await untilUploaded(uploads, 1 / 4)
      node?.pause()
      await untilUploaded(uploads, 1 / 2)
      await node?.kill()
      await untilUploaded(uploads, 3 / 4)
      node?.start()
    },
  },
  {
    name: 'two nodes of four are lost and come back',
    disturb: async ([, killed, , stopped], uploads) => {
      await untilUploaded(uploads, 1 / 4)
      stopped?.pause()
      await killed?.kill()
      await until(() => uploads.filter(({ outcome }) => outcome === 'failed').length >= 5)
      killed?.start()
      stopped?.continue()
    },
  },
]

/** How long a state of the cluster lasts at most, in ms: without a quorum nothing is stored, and nothing would change. */
const LIMIT = 30_000

/** Waits until S3 has acknowledged this share of all bytes, or all uploads have ended, or the time is over. */
async function untilUploaded(uploads: ClusterUpload[], share: number): Promise<void> {
  const total = uploads.reduce((sum, { data }) => sum + data.length, 0)
  await until(
    () =>
      uploads.reduce((sum, { bytesUploaded }) => sum + bytesUploaded, 0) >= share * total ||
      uploads.every(({ outcome }) => outcome !== undefined),
  )
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + LIMIT; !condition() && performance.now() < end; ) await sleep(20)
}
