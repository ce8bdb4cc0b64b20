/** The program of the threads, which also reports how many bytes of array buffers its own thread has allocated. */
import '../../../dist/threads/worker.js'

const channel = new BroadcastChannel('arrayBuffers')
setInterval(() => channel.postMessage(process.memoryUsage().arrayBuffers), 10).unref()
channel.unref()
