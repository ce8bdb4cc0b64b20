/**
 * Sends small requests to an http server on this machine, over connections that stay open, and prints how long the answers
 * took as JSON. For each line `PORT MODE SECONDS` of its standard input, one run. MODE is
 * - `fixed`: each connection sends 50 requests a second, so that the server is idle most of the time. A request that is due
 *   while the one before it has no answer yet counts from when it was due: a blocked server keeps all of them waiting;
 * - `closed`: each connection sends the next request at once, which shows how many the server can answer.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

/** The result of one run. Times are in ms. */
export interface Load {
  p50: number
  p99: number
  perSecond: number
}

const CONNECTIONS = 8
/** Between two requests of one connection, in ms. */
const INTERVAL = 20
const REQUEST = 'GET / HTTP/1.1\r\nHost: server\r\n\r\n'

for await (const line of createInterface({ input: process.stdin })) {
  const [port, mode, seconds] = line.split(' ')
  console.log(JSON.stringify(await run(Number(port), mode === 'fixed', Number(seconds))))
}

async function run(port: number, isFixed: boolean, seconds: number): Promise<Load> {
  const start = performance.now()
  const end = start + seconds * 1000
  const one = (_: unknown, i: number): Promise<number[]> => {
    const first = start + (i * INTERVAL) / CONNECTIONS
    return connection(port, isFixed ? first : undefined, end)
  }
  const times = (await Promise.all(Array.from({ length: CONNECTIONS }, one))).flat().sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(share * times.length)] as number
  return { p50: at(0.5), p99: at(0.99), perSecond: times.length / ((performance.now() - start) / 1000) }
}

/** Sends one request after the other until `end`, and returns how long each took. `first` is when the first one is due. */
async function connection(port: number, first: number | undefined, end: number): Promise<number[]> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  await once(socket, 'connect')
  const times: number[] = []
  for (let due = first; performance.now() < end; due = due && due + INTERVAL) {
    const wait = due === undefined ? 0 : due - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    // The lateness of a timer of this process is not the server's.
    const since = wait > 0 || due === undefined ? performance.now() : due
    socket.write(REQUEST)
    // The answer is so small that it arrives in one piece.
    await once(socket, 'data')
    times.push(performance.now() - since)
  }
  socket.destroy()
  return times
}
