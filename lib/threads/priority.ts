import { randomBytes } from 'node:crypto'
import { getPriority, setPriority } from 'node:os'

/**
 * Lowers the priority of the thread that calls this, where a thread has one of its own. For Linux, the process 0 is the
 * calling thread: https://man7.org/linux/man-pages/man2/setpriority.2.html#BUGS. Other systems would lower the whole
 * process.
 */
export function lowerPriority(priority = 0, platform: NodeJS.Platform = process.platform): void {
  if (platform !== 'linux') return
  // Node's pool, which reads files and looks names up for the whole process, starts with its first task, and with the
  // priority of the thread that brings it: https://docs.libuv.org/en/v1.x/threadpool.html
  randomBytes(1, () => {})
  try {
    setPriority(0, Math.max(priority, getPriority(0)))
  } catch {
    // A sandbox may refuse it. The upload is possible all the same.
  }
}
