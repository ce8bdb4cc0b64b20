import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { BufferPool } from '../../../lib/parts/pool.js'

const buffers = (n: number): Buffer[] => Array.from({ length: n }, () => Buffer.alloc(1))

/** A pool whose idle limit is 20 ms, and that has lent these buffers. */
function lent(kept: number, all: Buffer[]): BufferPool {
  const pool = new BufferPool(kept, undefined, 20)
  for (const _ of all) pool.take()
  return pool
}

/** How many buffers the pool holds that are not in use. They are in use afterwards. */
function drain(pool: BufferPool): Buffer[] {
  const held: Buffer[] = []
  for (let one = pool.take(); one !== undefined; one = pool.take()) held.push(one)
  return held
}

t.test('a buffer that was given back is used again, the last one first', async (t) => {
  const all = buffers(3)
  const small = Buffer.alloc(1)
  const pool = lent(4, [...all, small])
  for (const buffer of all) pool.giveBack(buffer, true)
  pool.giveBack(small, false)
  t.same(drain(pool), all.toReversed())
})

t.test('buffers beyond the kept number are dropped when they have not been used for the idle limit', async (t) => {
  const all = buffers(5)
  const pool = lent(2, all)
  for (const buffer of all) pool.giveBack(buffer, true)
  await sleep(60)
  t.same(drain(pool), [all[4], all[3]])
})

t.test('buffers in use count: as many more are dropped', async (t) => {
  const all = buffers(5)
  const pool = lent(3, all)
  for (const buffer of all.slice(0, 3)) pool.giveBack(buffer, true)
  await sleep(60)
  t.same(drain(pool), [all[2]])
})

t.test('a buffer that was used meanwhile is kept until it has been idle for as long itself', async (t) => {
  const all = buffers(2)
  const pool = lent(0, all)
  for (const buffer of all) pool.giveBack(buffer, true)
  const until = performance.now() + 60
  while (performance.now() < until) {
    pool.giveBack(pool.take() as Buffer, true)
    await sleep(2)
  }
  t.same(drain(pool), [all[1]], 'the other one was dropped')
})

t.test('no more buffers than the kept number set no timer, and clear() drops all', async (t) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const all = buffers(3)
  const pool = lent(3, all)
  for (const buffer of all) pool.giveBack(buffer, true)
  t.equal(timers(), before)
  pool.clear()
  t.same(drain(pool), [])
  const small = lent(0, all)
  for (const buffer of all) small.giveBack(buffer, true)
  small.clear()
  t.same(drain(small), [])
})
