import t from 'tap'
import { bytes, MiB } from '../support/bytes.js'
import { partsDenied, runRecipe } from '../support/recipe.js'
import { makeBucket } from '../support/store.js'

t.test('opentelemetry: every request of an upload is a child of the span that was active', async (t) => {
  const Bucket = await makeBucket(t)
  const { code, stdout, stderr } = await runRecipe('opentelemetry', [Bucket, 'k'], bytes(11 * MiB))
  t.equal(code, 0, stderr)
  const [root, ...children] = stdout.trimEnd().split('\n')
  t.equal(root, 'store the backup')
  t.same(children.sort(), [
    '  S3.CompleteMultipartUpload',
    '  S3.CreateMultipartUpload',
    '  S3.UploadPart',
    '  S3.UploadPart',
    '  S3.UploadPart',
  ])
})

t.test('opentelemetry: the requests of an upload that fails are children too, the clean-up included', async (t) => {
  const Bucket = await makeBucket(t)
  const { code, stdout } = await runRecipe('opentelemetry', [Bucket, 'k'], bytes(11 * MiB), await partsDenied(t))
  t.equal(code, 1)
  const [root, ...children] = stdout.trimEnd().split('\n')
  t.equal(root, 'store the backup')
  t.same(
    new Set(children),
    new Set(['CreateMultipartUpload', 'UploadPart', 'AbortMultipartUpload', 'ListParts'].map((name) => `  S3.${name}`)),
  )
})
