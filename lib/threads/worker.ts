/** The program of a thread. It has no code of its own, so that `serve` can be tested without a thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { serve } from './serve.js'

serve(parentPort as MessagePort, workerData)
