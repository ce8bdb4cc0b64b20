import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { type Resume, resumePoint, type S3ClientLike } from '../../lib/index.js'
import { unfinishedUploads } from '../support/store.js'
import type { Plan } from './plan.js'
import { type Ground, type Started, start } from './run.js'

/** How often a stream tries to resume if it cannot read what is stored: more often than the plan has faults. */
const TRIES = 4

/**
 * Runs a stream that is cut off from S3 as if its process had been killed: its requests are broken and no more are sent.
 * Then runs another stream that resumes its upload.
 */
export async function killedAndResumed(ground: Ground, Key: string, plan: Plan, data: Buffer): Promise<Started> {
  const { client, kill, killed, asked } = mortal(ground.client(plan.maxAttempts))
  const first = start(ground, Key, plan, data, { client, kill })
  await Promise.race([killed, first.ended.catch(() => {})])
  if (!first.given()) return first
  for (let tries = 1; ; tries++) {
    const again = await resumed(ground, Key, plan, data)
    const failed = await again?.ended.then(
      () => false,
      () => true,
    )
    const left = await unfinishedUploads(ground.Bucket, Key)
    if (again !== undefined && (!failed || left.length === 0 || tries === TRIES)) return { ...again, unsure: asked() }
  }
}

/** Undefined if the resume point could not be read. */
async function resumed(ground: Ground, Key: string, plan: Plan, data: Buffer): Promise<Started | undefined> {
  const { Bucket } = ground
  const end = { how: 'end' as const }
  const [upload] = await unfinishedUploads(Bucket, Key)
  // S3 may have carried out the last request of the killed stream since.
  const given = (started: Started): Started => ({ ...started, given: () => true, mine: () => {} })
  if (upload?.UploadId === undefined) return given(start(ground, Key, { ...plan, end }, data))
  const client = ground.client(plan.maxAttempts)
  let resume: Resume = { UploadId: upload.UploadId }
  if (plan.end.how === 'killed and resumed' && plan.end.from === 'point') {
    const point = await resumePoint({ client, Bucket, Key, ...resume }).catch(() => undefined)
    if (point === undefined) return undefined
    resume = point
  }
  return given(start(ground, Key, { ...plan, end }, data.subarray(resume.offset ?? 0), { resume }))
}

interface Mortal {
  client: S3ClientLike
  kill: () => unknown
  killed: Promise<unknown>
  /** Whether the request for the object was sent: S3 may have made the object, although its answer was lost. */
  asked: () => boolean
}

/** A client that can be killed, but not while Create is pending: the UploadId would be lost. */
function mortal(client: S3ClientLike): Mortal {
  let naming: Promise<unknown> | undefined
  let asked = false
  const killer = new AbortController()
  const { signal } = killer
  const dead = new Error('killed')
  return {
    client: {
      config: client.config,
      send: async (command, options: { abortSignal: AbortSignal }) => {
        if (signal.aborted) throw dead
        asked ||= command instanceof PutObjectCommand || command instanceof CompleteMultipartUploadCommand
        if (command instanceof CreateMultipartUploadCommand) {
          const named = client.send(command, options)
          naming = named.catch(() => {})
          return await named
        }
        return await client.send(command, { ...options, abortSignal: AbortSignal.any([options.abortSignal, signal]) })
      },
    },
    kill: async () => {
      await naming
      killer.abort(dead)
    },
    asked: () => asked,
    killed: new Promise((resolve) => signal.addEventListener('abort', resolve)),
  }
}
