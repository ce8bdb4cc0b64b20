import { getPriority } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { lowerPriority } from '../../lib/threads/priority.js'
import { testServer } from '../support/http-handlers.js'
import { runNode } from '../support/run-program.js'

const program = join(import.meta.dirname, '../support/programs/thread-priority.cjs')
const server = await testServer(t, (_, response) => response.end('ok'))

/** The priority of the process, the handler's options, and the thread's priority if it is not that of the process. */
const CASES: [own: number, options: object, thread?: number][] = [
  [0, {}, 10],
  [0, { priority: 19 }, 19],
  [0, { priority: 0 }],
  [5, { priority: 7 }, 7],
  [15, {}],
]

for (const [own, options, thread = own] of CASES) {
  const title = `the thread of a process with priority ${own} and the options ${JSON.stringify(options)} has priority ${thread}`
  t.test(title, async (t) => {
    const { stdout, stderr } = await runNode([program, String(server.port), JSON.stringify(options), String(own)])
    // Only on Linux a thread has a priority of its own.
    const others = thread === own || process.platform !== 'linux' ? [] : [thread]
    t.same(JSON.parse(stdout), { own, others }, stderr)
  })
}

t.test('where a thread has no priority of its own, that of the process stays', async (t) => {
  const before = getPriority()
  lowerPriority(19, 'darwin')
  lowerPriority(19, 'win32')
  t.equal(getPriority(), before)
})

t.test('a priority that the system refuses is no error', async (t) => {
  const before = getPriority()
  t.doesNotThrow(() => lowerPriority(Number.POSITIVE_INFINITY, 'linux'))
  t.equal(getPriority(), before)
})
