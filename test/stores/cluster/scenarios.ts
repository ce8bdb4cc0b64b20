import { setTimeout as sleep } from 'node:timers/promises'
import type { PassedRequest, Traffic } from './balancer.js'
import type { ClusterNode } from './cluster.js'
import { type ClusterUpload, STALL_TIMEOUT } from './uploads.js'

/** Something that happens to the cluster while uploads run. */
export interface Scenario {
  name: string
  /** Disturbs the cluster. Afterwards all nodes run again, although they may not be healthy yet. */
  disturb: (scene: Scene) => Promise<void>
}

export interface Scene {
  nodes: [ClusterNode, ClusterNode, ClusterNode, ClusterNode]
  uploads: ClusterUpload[]
  traffic: Traffic
}

/** How long a state of the cluster lasts at most, in ms: without a quorum nothing is stored, and nothing would change. */
const LIMIT = 30_000

export const scenarios: Scenario[] = [
  {
    name: 'a node is killed and restarted',
    disturb: async ({ nodes: [, node], uploads }) => {
      await untilUploaded(uploads, 1 / 4)
      await node.kill()
      await untilUploaded(uploads, 1 / 2)
      node.start()
    },
  },
  {
    name: 'each node in turn is killed and restarted',
    disturb: async ({ nodes, uploads }) => {
      for (const [index, node] of nodes.entries()) {
        await untilUploaded(uploads, (index + 1) / 8)
        await node.kill()
        node.start()
        await node.untilHealthy()
      }
    },
  },
  {
    name: 'a node is stopped and continued',
    disturb: async ({ nodes: [, , node], uploads }) => {
      await untilUploaded(uploads, 1 / 4)
      node.pause()
      await untilUploaded(uploads, 3 / 4)
      node.continue()
    },
  },
  {
    name: 'a node is stopped, killed and restarted',
    disturb: async ({ nodes: [, , , node], uploads }) => {
      await untilUploaded(uploads, 1 / 4)
      node.pause()
      await untilUploaded(uploads, 1 / 2)
      await node.kill()
      await untilUploaded(uploads, 3 / 4)
      node.start()
    },
  },
  {
    name: 'two nodes of four are lost and come back',
    disturb: async ({ nodes: [, killed, , stopped], uploads }) => {
      await untilUploaded(uploads, 1 / 4)
      stopped.pause()
      await killed.kill()
      await untilFailed(uploads, 5)
      killed.start()
      stopped.continue()
    },
  },
  {
    name: 'all nodes are stopped and continued',
    disturb: async ({ nodes, uploads }) => {
      await untilUploaded(uploads, 1 / 4)
      for (const node of nodes) node.pause()
      await untilFailed(uploads, 5)
      for (const node of nodes) node.continue()
    },
  },
  {
    name: 'the node that completes an upload is killed and restarted',
    disturb: async (scene) => {
      for (const delay of [0, 5, 20]) {
        const node = await nodeOfNextComplete(scene)
        await sleep(delay)
        await node.kill()
        node.start()
        await node.untilHealthy()
      }
    },
  },
  {
    name: 'the node that completes an upload is stopped and continued',
    disturb: async (scene) => {
      for (const delay of [0, 10]) {
        const node = await nodeOfNextComplete(scene)
        await sleep(delay)
        node.pause()
        // The stream notices that Complete stalls, and has a moment for finding out what happened to it.
        await sleep(STALL_TIMEOUT + 3_000)
        node.continue()
      }
    },
  },
]

/** Waits until S3 has acknowledged this share of all bytes, or all uploads have ended, or the time is over. */
async function untilUploaded(uploads: ClusterUpload[], share: number): Promise<void> {
  const total = uploads.reduce((sum, { data }) => sum + data.length, 0)
  await until(
    () =>
      uploads.reduce((sum, { bytesUploaded }) => sum + bytesUploaded, 0) >= share * total ||
      uploads.every(({ outcome }) => outcome !== undefined),
  )
}

async function untilFailed(uploads: ClusterUpload[], count: number): Promise<void> {
  await until(() => uploads.filter(({ outcome }) => outcome === 'failed').length >= count)
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + LIMIT; !condition() && performance.now() < end; ) await sleep(20)
}

/** The node that the balancer passes the next CompleteMultipartUpload to, as soon as it does. */
async function nodeOfNextComplete({ nodes, traffic }: Scene): Promise<ClusterNode> {
  return await new Promise((resolve, reject) => {
    const onRequest = ({ method, url }: PassedRequest): void => {
      const node = nodes.find(({ endpoint }) => endpoint === url.origin)
      if (method !== 'POST' || !url.searchParams.has('uploadId') || node === undefined) return
      clearTimeout(timer)
      traffic.off('request', onRequest)
      resolve(node)
    }
    const timer = setTimeout(() => {
      traffic.off('request', onRequest)
      reject(new Error('no CompleteMultipartUpload came in time to disturb it'))
    }, LIMIT)
    traffic.on('request', onRequest)
  })
}
