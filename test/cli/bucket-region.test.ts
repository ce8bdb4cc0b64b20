import t from 'tap'
import { bytes, MiB } from '../support/bytes.js'
import { cli } from '../support/cli.js'
import { type Answer, smallStore, xml } from '../support/small-store.js'

const MALFORMED =
  "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region 'us-east-1' " +
  "is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region><RequestId>1</RequestId></Error>"
const redirect = (Code: string, Endpoint: string): string =>
  `<Error><Code>${Code}</Code><Message>The bucket you are attempting to access must be addressed using the specified ` +
  `endpoint.</Message><Endpoint>${Endpoint}</Endpoint><Bucket>b</Bucket></Error>`
const ILLEGAL =
  '<Error><Code>IllegalLocationConstraintException</Code><Message>The me-south-1 location constraint is incompatible for ' +
  'the region specific endpoint this request was sent to.</Message></Error>'

/** S3's answer, to whichever request comes first. */
const answers = (status: number, body: string, region?: string): Record<string, Answer> => {
  const answer: Answer = ({ response }) => {
    if (region !== undefined) response.setHeader('x-amz-bucket-region', region)
    xml(response, status, body)
  }
  return { PutObject: answer, CreateMultipartUpload: answer, ListMultipartUploads: answer }
}

t.test('if the bucket is in another region, the message names the region that S3 answered', async (t) => {
  const wrong = [
    answers(301, redirect('PermanentRedirect', 'b.s3.amazonaws.com'), 'eu-west-1'),
    answers(301, redirect('PermanentRedirect', 'b.s3-eu-west-1.amazonaws.com')),
    answers(301, redirect('PermanentRedirect', 's3.eu-west-1.amazonaws.com')),
    answers(307, redirect('TemporaryRedirect', 'b.s3.eu-west-1.amazonaws.com')),
    answers(400, MALFORMED),
    answers(400, MALFORMED, 'eu-west-1'),
    answers(400, ILLEGAL, 'eu-west-1'),
  ]
  for (const answers of wrong) {
    const { endpoint, seen } = await smallStore(t, answers)
    const runs = [cli(['ls', 's3://b'], { at: endpoint })]
    // One answer is enough to show that it does not depend on the request.
    if (answers === wrong[0]) {
      runs.push(
        cli(['s3://b/k'], { at: endpoint, input: 'x' }),
        cli(['s3://b/k'], { at: endpoint, input: bytes(9 * MiB) }),
        cli(['s3://b/k', '--resume'], { at: endpoint, input: 'x' }),
        cli(['abort', 's3://b', '--older-than', '0s'], { at: endpoint }),
      )
    }
    for (const { code, stderr } of await Promise.all(runs)) {
      t.match({ code, stderr }, { code: 1, stderr: /The bucket is in eu-west-1\. .*\. Pass --region eu-west-1\.\n$/ })
    }
    t.equal(seen.length, runs.length, 'no request is sent again')
  }
})

t.test('if S3 does not name the region, the message says that it is another one', async (t) => {
  const unnamed = [
    answers(301, redirect('PermanentRedirect', 'b.s3.amazonaws.com')),
    answers(301, redirect('PermanentRedirect', 'store.example.com'), 'x; rm -rf ~'),
    answers(400, ILLEGAL),
  ]
  for (const answers of unnamed) {
    const { endpoint } = await smallStore(t, answers)
    const { code, stderr } = await cli(['ls', 's3://b'], { at: endpoint })
    t.match({ code, stderr }, { code: 1, stderr: /pass the bucket's region with --region\.\n$/ })
    t.notMatch(stderr, /The bucket is in \S+\./)
  }
  const { endpoint } = await smallStore(
    t,
    answers(403, MALFORMED.replaceAll('AuthorizationHeaderMalformed', 'toString')),
  )
  t.match(await cli(['ls', 's3://b'], { at: endpoint }), {
    code: 1,
    stderr: /expecting 'eu-west-1' \(HTTP 403[^)]*\)\n$/,
  })
})
