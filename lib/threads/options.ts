import type { AgentOptions as HttpAgentOptions } from 'node:http'
import type { AgentOptions as HttpsAgentOptions } from 'node:https'
import { constants } from 'node:os'
import { describeType, invalidOption } from '../errors/invalid-option.js'

/**
 * The options of a `ThreadedHandler`. Beside `threads`, `priority` and `worker` they are those of the SDK's own request handler, with
 * the same meaning, but agents are given by their options: an Agent cannot be handed to a thread.
 * https://github.com/aws/aws-sdk-js-v3/blob/main/supplemental-docs/CLIENTS.md#request-handler-requesthandler
 */
export interface ThreadedHandlerOptions {
  /**
   * How many worker threads send the requests. Each one has its own connections. A thread starts with the first request
   * that it gets, and ends after a minute without one. An integer from 1 to 64.
   * @default 1
   */
  threads?: number | undefined
  /**
   * The priority of the threads, as of `os.setPriority`: where there are too few cores, the thread of the caller goes
   * first. With 0 they compete as equals. An integer from 0 to 19, the lowest priority. A process that has a lower one
   * already keeps it. Only Linux knows a priority of one thread; elsewhere the option has no effect.
   * https://nodejs.org/api/os.html#ossetprioritypid-priority
   * @default 10
   */
  priority?: number | undefined
  /**
   * The program of the threads. Only a bundle needs this option: the URL of the file that was bundled from
   * `s3-writable/threads/worker`.
   * @default the file beside this module
   */
  worker?: URL | undefined
  /**
   * How long it may take to connect, in ms. An integer from 0 to 2,147,483,647, as for the other timeouts.
   * @default no limit
   */
  connectionTimeout?: number | undefined
  /**
   * How long a request and the head of its answer may take, in ms. Beyond it there is a warning.
   * @default no limit
   */
  requestTimeout?: number | undefined
  /**
   * Whether a request that takes longer than `requestTimeout` fails with a TimeoutError.
   * @default false
   */
  throwOnRequestTimeout?: boolean | undefined
  /**
   * How long a connection may stand still during a request, in ms.
   * @default no limit
   */
  socketTimeout?: number | undefined
  /**
   * After how long there is a warning that all connections are in use, in ms.
   * @default 3000
   */
  socketAcquisitionWarningTimeout?: number | undefined
  /**
   * The agent for `http:`. Its `maxSockets` is for all threads together: `Infinity`, or an integer that is at least
   * `threads`.
   * @default `{ keepAlive: true, maxSockets: 50 }`
   */
  httpAgent?: HttpAgentOptions | undefined
  /**
   * The agent for `https:`, as `httpAgent`; and how certificates are verified: `ca`, `cert`, `key`, `servername`,
   * `rejectUnauthorized` and whatever else can be cloned.
   * https://nodejs.org/api/tls.html#tlsconnectoptions-callback
   * @default `{ keepAlive: true, maxSockets: 50 }`
   */
  httpsAgent?: HttpsAgentOptions | undefined
  /**
   * Gets the warnings.
   * @default console
   */
  logger?:
    | {
        /** Called with the text of a warning. Without it, warnings are dropped. */
        warn?: (...texts: unknown[]) => void
      }
    | undefined
}

const TIMES = ['connectionTimeout', 'requestTimeout', 'socketTimeout', 'socketAcquisitionWarningTimeout'] as const
const NAMES = new Set([
  'threads',
  'priority',
  'worker',
  'throwOnRequestTimeout',
  'httpAgent',
  'httpsAgent',
  'logger',
  ...TIMES,
])
/** The SDK's own default. */
export const MAX_SOCKETS = 50
/** More threads than any machine has cores would be a mistake. */
const MAX_THREADS = 64
/** Below that of the caller's thread, but not so low that other processes leave no time for an upload. */
export const PRIORITY = constants.priority.PRIORITY_BELOW_NORMAL

/** @throws TypeError or RangeError, with Node's `code`, if an option is wrong. */
export function checkOptions(options: ThreadedHandlerOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'options', 'an object', options, describeType(options))
  }
  for (const [name, value] of Object.entries(options)) {
    if (NAMES.has(name)) continue
    const names = [...NAMES].sort().join(', ')
    throw invalidOption('ERR_INVALID_ARG_VALUE', name, `left out: the options are ${names}`, value, describeType(value))
  }
  const { threads = 1, priority = PRIORITY, worker, throwOnRequestTimeout = false } = options
  const { httpAgent, httpsAgent, logger = {} } = options
  checkInteger('threads', threads, 1, MAX_THREADS)
  checkInteger('priority', priority, constants.priority.PRIORITY_NORMAL, constants.priority.PRIORITY_LOW)
  for (const name of TIMES) if (options[name] !== undefined) checkInteger(name, options[name], 0, 2 ** 31 - 1)
  if (worker !== undefined && !(worker instanceof URL && worker.protocol === 'file:')) {
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'worker', 'the URL of a file', worker)
  }
  if (typeof throwOnRequestTimeout !== 'boolean') {
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'throwOnRequestTimeout', 'a boolean', throwOnRequestTimeout)
  }
  if (typeof logger !== 'object' || logger === null) {
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'logger', 'an object', logger, describeType(logger))
  }
  for (const [name, agent] of Object.entries({ httpAgent, httpsAgent })) checkAgent(name, agent, threads)
}

/** The options that the threads are started with. */
const FIXED = new Set(['threads', 'priority', 'worker', 'httpAgent', 'httpsAgent'])

/** Whether there is such an option. Throws if its value is wrong, or if it cannot be changed. */
export function checkChange(name: string, value: unknown): boolean {
  if (!NAMES.has(name)) return false
  if (FIXED.has(name)) {
    const expected = 'given to the constructor: it cannot be changed later'
    throw invalidOption('ERR_INVALID_ARG_VALUE', name, expected, value, describeType(value))
  }
  checkOptions({ [name]: value })
  return true
}

function checkInteger(name: string, value: unknown, min: number, max: number): void {
  const expected = `an integer from ${min} to ${max}`
  if (typeof value !== 'number') throw invalidOption('ERR_INVALID_ARG_TYPE', name, expected, value)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalidOption('ERR_OUT_OF_RANGE', name, expected, value)
  }
}

/** Agents may hold private keys, so no value is shown. */
function checkAgent(name: string, agent: HttpsAgentOptions | undefined, threads: number): void {
  if (agent === undefined) return
  if (typeof agent !== 'object' || agent === null || 'destroy' in agent) {
    const expected = 'an object of options, because an Agent cannot be handed to a thread'
    throw invalidOption('ERR_INVALID_ARG_TYPE', name, expected, agent, describeType(agent))
  }
  for (const [option, value] of Object.entries(agent)) {
    try {
      structuredClone(value)
    } catch {
      const expected = 'a value that can be cloned, because it is handed to a thread'
      throw invalidOption('ERR_INVALID_ARG_VALUE', `${name}.${option}`, expected, value, describeType(value))
    }
  }
  const { maxSockets = MAX_SOCKETS } = agent
  const expected = `Infinity or an integer that is at least the number of threads, ${threads}`
  if (typeof maxSockets !== 'number') {
    throw invalidOption('ERR_INVALID_ARG_TYPE', `${name}.maxSockets`, expected, maxSockets)
  }
  if (!(Number.isInteger(maxSockets) || maxSockets === Number.POSITIVE_INFINITY) || maxSockets < threads) {
    throw invalidOption('ERR_OUT_OF_RANGE', `${name}.maxSockets`, expected, maxSockets)
  }
}
