import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { brokenLinks, missingNames } from '../support/pages.js'

const ROOT = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

t.test('every relative link, script and test file that a page of .github names exists', (t) => {
  const paths = readdirSync(join(ROOT, '.github')).filter((name) => name.endsWith('.md'))
  t.same(paths.sort(), ['CONTRIBUTING.md', 'SECURITY.md'])
  for (const path of paths.map((name) => `.github/${name}`)) {
    t.same(brokenLinks({ path, text: read(path) }), [], path)
    t.same(missingNames(read(path)), [], path)
  }
  t.end()
})

t.test('the form for a fault asks for all that explains one, and warns of keys', (t) => {
  const text = read('.github/ISSUE_TEMPLATE/fault.yml')
  const { body } = parse(text) as { body: { type: string; id?: string; attributes: { label?: string } }[] }
  t.equal(body[0]?.type, 'markdown')
  t.match(body[0], { attributes: { value: 'Do not paste access keys' } })
  const questions = body.slice(1)
  t.same(
    questions.map(({ id }) => id),
    ['versions', 'store', 'options', 'happened', 'error', 'program'],
  )
  for (const { id, attributes } of questions) t.ok(attributes.label, `${id} has a label`)
  for (const field of ['code', 'operation', 'PartNumber', '$metadata', 'cleanupError', 'objectMayExist', 'stats'])
    t.ok(text.includes(`\`${field}\``), field)
  t.end()
})

t.test('the workflow tests the oldest Node that the package accepts, and all that the gate tests', (t) => {
  const { jobs } = parse(read('.github/workflows/test.yml')) as {
    jobs: { suite: { strategy: { matrix: { node: number[] } } } }
  }
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } }
  const oldest = Number(/^>=(\d+)/.exec(engines.node)?.[1])
  const ofGate = [...read('.ci/run').matchAll(/^on (\d+) /gm)].map(([, version]) => Number(version))
  t.same(jobs.suite.strategy.matrix.node, [oldest, ...ofGate])
  t.end()
})

t.test('every workflow has the least permissions, and each action has a version', (t) => {
  for (const name of readdirSync(join(ROOT, '.github/workflows'))) {
    const text = read(`.github/workflows/${name}`)
    t.same((parse(text) as { permissions: object }).permissions, { contents: 'read' }, name)
    for (const [, action] of text.matchAll(/uses: (\S+)/g)) t.match(action, /^actions\/[\w-]+@v\d+$/)
  }
  t.end()
})
