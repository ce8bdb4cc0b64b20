import { setTimeout as sleep } from 'node:timers/promises'
import { P } from '../../support/bytes.js'
import { inOneLine, ok, settled } from './assert.js'
import type { Checks } from './check.js'
import type { FaultyKey } from './faulty-keys.js'
import { data, exists, holds, newKey, nothingIsLeft, proxied, put } from './target.js'

/** Uploads while answers are lost on the way, and asserts that the stream succeeds with the right object. */
async function answerLost(fault: FaultyKey, size: number, attempts = 3, options: object = {}): Promise<void> {
  const Key = newKey(fault)
  await succeeds(Key, data(size), attempts, options)
  await sleep(1000)
  await holds(Key, data(size))
}

async function succeeds(Key: string, bytes: Buffer, attempts = 3, options: object = {}): Promise<void> {
  const { error } = await settled(put(Key, bytes, { client: proxied(attempts), ...options }))
  if (error !== undefined) {
    const there = (await exists(Key)) ? 'the object is there' : 'there is no object'
    throw new Error(`it failed, and ${there}: ${inOneLine(error)}`)
  }
  await holds(Key, bytes)
  await nothingIsLeft(Key)
}

const LARGE = 3 * P + 7

export const lostAnswers: Checks = {
  'Complete whose first answer is lost succeeds': () => answerLost('complete-answer-lost', LARGE),
  'Complete whose answers are all lost succeeds': () => answerLost('complete-answers-lost', LARGE),
  'Complete that is sent once and whose answer is lost succeeds': () => answerLost('complete-answers-lost', LARGE, 1),
  'Complete whose answer is lost succeeds with leavePartsOnError': () =>
    answerLost('complete-answers-lost', LARGE, 1, { leavePartsOnError: true }),
  'Complete with IfNoneMatch whose first answer is lost succeeds': () =>
    answerLost('complete-answer-lost', LARGE, 3, { IfNoneMatch: '*' }),
  'Complete over an old object whose first answer is lost succeeds': async () => {
    const Key = newKey('complete-answer-lost')
    await put(Key, data(2 * P + 5))
    await succeeds(Key, data(LARGE))
  },
  'PutObject whose first answer is lost succeeds': () => answerLost('put-answer-lost', 777),
  'PutObject with IfNoneMatch whose first answer is lost succeeds': async () => {
    const Key = newKey('put-answer-lost')
    ok(!(await exists(Key)), 'the key is not new')
    await succeeds(Key, data(777), 3, { IfNoneMatch: '*' })
  },
}
