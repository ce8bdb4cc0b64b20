import { join } from 'node:path'
import t from 'tap'
import { runNode } from '../support/run-program.js'

const EXAMPLE = join(import.meta.dirname, '../recipes/testing/minio.test.mjs')
/** Without these, a run of the tests must not download an image. */
const { TEST_S3, DOCKER_HOST } = process.env

t.test('the example with MinIO in a container passes', async (t) => {
  if (TEST_S3 !== 'container' && DOCKER_HOST === undefined) {
    t.comment('left out: neither is TEST_S3 "container", nor is DOCKER_HOST set')
    return
  }
  const { code, stdout } = await runNode(['--test', '--test-reporter=tap', EXAMPLE])
  if (!t.equal(code, 0)) t.comment(stdout)
  t.match(stdout, /^# pass 2$/m)
})
