/** The program of a thread. It has no code of its own, so that `serve` can be tested without a thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { lowerPriority } from './priority.js'
import { serve } from './serve.js'

const { priority, ...options } = workerData
lowerPriority(priority)
serve(parentPort as MessagePort, options)
