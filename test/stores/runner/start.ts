import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort, startServer, untilReady } from '../../support/server-process.js'
import type { Place, RunningStore } from './store.js'

interface Options {
  port: number
  env?: NodeJS.ProcessEnv
  accessKeyId: string
  secretAccessKey: string
}

/** Starts a store that is one process. It is ready when its port answers with HTTP. */
export async function startStore(name: string, command: string[], place: Place, start: Options): Promise<RunningStore> {
  const { port, env, accessKeyId, secretAccessKey } = start
  const endpoint = `http://127.0.0.1:${port}`
  const options = { folder: place.data, log: place.log, env: { TMPDIR: dataFolder(place, 'tmp'), ...env } }
  const server = startServer(command, options)
  await untilReady(`${name} (see ${place.log})`, server, () => answersHttp(endpoint), 60)
  return { endpoint, accessKeyId, secretAccessKey, stop: server.stop }
}

/** Makes a folder for data in the place. */
export function dataFolder({ data }: Place, name = 'data'): string {
  const folder = join(data, name)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Whether a server answers within 5 s, with any HTTP status below 500. */
export async function answersHttp(url: string): Promise<boolean> {
  return ((await statusOf(url, 5000)) ?? 500) < 500
}

/** The HTTP status that a URL answers; undefined without an answer within this time, in ms. */
export async function statusOf(url: string, limit: number): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(limit) })
    await response.body?.cancel()
    return response.status
  } catch {
    return undefined
  }
}

/** Whether something listens on this port. */
export async function acceptsConnections(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

/** Ports that are free, all different, and low enough for programs that add 10,000 to them. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = await freePort()
    if (port < 55_000) ports.add(port)
  }
  return [...ports]
}
