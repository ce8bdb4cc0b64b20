/**
 * Prints the priority of a process whose ThreadedHandler has sent a request, and those of its threads that have another one.
 * It is CommonJS, because Node loads that without its pool of threads, which then starts with the first name to look up.
 * Usage: thread-priority PORT OPTIONS PRIORITY, where OPTIONS is JSON and PRIORITY that of the whole process
 */
const { spawnSync } = require('node:child_process')
const { readdirSync, readFileSync } = require('node:fs')
const { getPriority, setPriority } = require('node:os')
const { ThreadedHandler } = require('s3-writable/threads')

const [program, port, options, priority] = process.argv.slice(1)
if (priority === undefined) void send()
else {
  // On Linux this is the priority of this thread alone, but a child has it in all its threads.
  setPriority(0, Number(priority))
  spawnSync(process.execPath, [program, port, options], { stdio: 'inherit' })
}

async function send() {
  const handler = new ThreadedHandler(JSON.parse(options))
  const request = { method: 'GET', protocol: 'http:', hostname: 'localhost', port, path: '/', headers: {} }
  const { response } = await handler.handle(request)
  response.body.resume()
  const own = getPriority()
  const others = process.platform === 'linux' ? readdirSync('/proc/self/task').map(priorityOf) : []
  handler.destroy()
  console.log(JSON.stringify({ own, others: others.filter((other) => other !== own) }))
}

/** Behind the name, which may contain anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function priorityOf(task) {
  const stat = readFileSync(`/proc/self/task/${task}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
}
